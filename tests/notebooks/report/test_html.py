from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from bs4 import BeautifulSoup, Tag

from bindery.notebooks.report import encode_results, parse_results, render_page, write_report
from bindery.notebooks.results import Outcome

if TYPE_CHECKING:
    from tests.notebooks.report.conftest import Sample

    from bindery.notebooks.results import TestRun

GOLDEN = Path(__file__).with_name("golden") / "outline.txt"
TEMPLATES = Path(__file__).parents[3] / "builder/bindery/notebooks/report/templates"
OUTLINED = (
    "header",
    "main",
    "footer",
    "section",
    "article",
    "details",
    "table",
    "figure",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "summary",
)
LEAVES = ("h1", "h2", "h3", "h4", "h5", "summary")


def outline(page: str) -> str:
    """Return the page's landmarks, headings and anchors, indented as they are nested."""
    lines = []

    def walk(tag: Tag, depth: int) -> None:
        for child in (one for one in tag.children if isinstance(one, Tag)):
            if child.name not in OUTLINED:
                walk(child, depth)
                continue
            anchor = f" #{child['id']}" if child.get("id") else ""
            words = f": {' '.join(child.get_text(' ', strip=True).split())}" if child.name in LEAVES else ""
            lines.append(f"{'  ' * depth}{child.name}{anchor}{words}")
            walk(child, depth + 1)

    walk(BeautifulSoup(page, "html.parser"), 0)
    return "\n".join(lines) + "\n"


def test_the_page_has_its_outline(sample: Sample) -> None:
    assert outline(render_page(sample.failing_run())) == GOLDEN.read_text()


def test_the_same_run_gives_the_same_page(sample: Sample) -> None:
    run = sample.failing_run()
    assert render_page(run) == render_page(parse_results(encode_results(run), "results.json"))


def test_the_page_is_written_whole(sample: Sample, tmp_path: Path) -> None:
    folder = tmp_path / "a" / "report"
    assert write_report(sample.failing_run(), folder) == folder / "index.html"
    assert [path.name for path in folder.iterdir()] == ["index.html"]
    assert (folder / "index.html").read_text().endswith("</html>\n")


def test_the_head_tells_all(sample: Sample) -> None:
    text = BeautifulSoup(render_page(sample.run(sample.notebook())), "html.parser").get_text(" ", strip=True)
    for fact in ("1 notebook, 1 cell: all as referenced", "pangeo", "2026.11.22", "wheels", "sha256:5b5b", "3.12.11"):
        assert fact in text
    for fact in ("linux-64", "2 workers, 1 thread each", "22 November 2026, 14:00 UTC", "12.0 s", "xarray 2025.7.1"):
        assert fact in text


def test_nothing_collected_reads_as_a_failure(sample: Sample) -> None:
    page = render_page(sample.run())
    assert "<title>Failed: notebooks of pangeo</title>" in page
    assert "That is a failure, not a pass." in page


def test_nothing_compared_reads_as_a_failure(sample: Sample) -> None:
    page = BeautifulSoup(render_page(sample.run(sample.notebook("a", sample.cell(compared=False)))), "html.parser")
    assert [badge.get_text(" ", strip=True) for badge in page.select(".overview .badge")] == ["✕ compared nothing"]
    assert page.select_one("header.bad") is not None


def test_a_notebook_without_cells_is_shown_with_its_reason(sample: Sample) -> None:
    bad = replace(sample.notebook("a"), cells=(), outcome=Outcome.UNREADABLE, message="line 3: not JSON\nmore")
    page = render_page(sample.run(bad))
    assert "line 3: not JSON" in page
    assert "unreadable" in page


def test_anchors_are_plain_and_different(sample: Sample) -> None:
    run = sample.run(*(sample.notebook(name) for name in ("a b", "a/b", "a-b", "é", "", "main")))
    page = BeautifulSoup(render_page(run), "html.parser")
    anchors = [str(section["id"]) for section in page.select("section.notebook")]
    assert anchors == ["a-b", "a-b-2", "a-b-3", "notebook", "notebook-2", "main"]
    every = [str(tag["id"]) for tag in page.find_all(id=True)]
    assert len(every) == len(set(every))
    assert {str(link["href"])[1:] for link in page.select("a[href^='#']")} <= set(every)


def test_the_policy_allows_one_style_and_one_script(sample: Sample) -> None:
    page = BeautifulSoup(render_page(sample.failing_run()), "html.parser")
    policy = str(page.select("meta[http-equiv]")[0]["content"])
    assert policy == (
        f"default-src 'none'; img-src data:; style-src '{digest(page.style)}'; script-src '{digest(page.script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def digest(tag: Tag | None) -> str:
    """Return the hash of the element's text, as a policy writes it."""
    assert tag is not None
    return f"sha256-{base64.b64encode(hashlib.sha256(str(tag.string).encode()).digest()).decode()}"


def test_nothing_hostile_becomes_markup(hostile_run: TestRun) -> None:
    page = BeautifulSoup(render_page(hostile_run), "html.parser")
    assert len(page("script")) == len(page("style")) == 1
    assert not page(["iframe", "object", "embed", "form", "base", "math", "template"])
    assert len(page("meta")) == 6
    assert [link["href"] for link in page("link")] == ["data:,"]
    for tag in page.select("*"):
        for name, value in tag.attrs.items():
            assert not name.startswith("on"), name
            assert name not in {"style", "srcdoc", "action", "formaction", "xlink:href", "autofocus"}, name
            if name == "href" and tag.name == "a":
                assert re.fullmatch(r"#[A-Za-z0-9_.-]+", str(value))
            if name == "src":
                assert re.fullmatch(r"data:image/(png|jpeg|svg\+xml);base64,[A-Za-z0-9+/=]+", str(value))


def test_a_template_in_a_notebook_is_not_run(sample: Sample) -> None:
    assert "{{ 7 * 191 }}" in render_page(sample.run(sample.notebook("a", sample.cell(source="{{ 7 * 191 }}"))))


def test_an_image_that_differs_stands_on_the_page_once(sample: Sample) -> None:
    png = sample.png("red")
    output = {"output_type": "display_data", "metadata": {}, "data": {"image/png": png}}
    cell = sample.cell(
        outcome=Outcome.DIFFERS, outputs=(output,), mismatches=(sample.mismatch("image/png", None, png),)
    )
    assert render_page(sample.run(sample.notebook("a", cell, outcome=Outcome.DIFFERS))).count(png) == 1


def test_a_table_and_its_plain_text_are_shown_once(sample: Sample) -> None:
    mismatches = (sample.mismatch("text/html"), sample.mismatch("text/plain"), sample.mismatch("text/plain"))
    cell = sample.cell(outcome=Outcome.DIFFERS, message="a number differs; a number differs", mismatches=mismatches)
    page = BeautifulSoup(render_page(sample.run(sample.notebook("a", cell, outcome=Outcome.DIFFERS))), "html.parser")
    assert [part.get_text() for part in page.select("h4 .part")] == ["HTML", "text"]
    assert "its plain text differs, too, and is not shown" in page.get_text()
    assert page.select(".cell > .message") == []


def test_a_page_of_a_long_stream_stays_small(sample: Sample) -> None:
    page = render_page(sample.run(sample.notebook(metrics=sample.metrics(100_000, 16, 40))))
    assert len(page) < 2_000_000


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "paper"),
    [
        ("ink", "paper"),
        ("ink", "sheet"),
        ("ink", "wash"),
        ("ink", "was"),
        ("ink", "is"),
        ("soft", "paper"),
        ("soft", "sheet"),
        ("soft", "wash"),
        ("link", "paper"),
        ("link", "sheet"),
        ("good", "good-wash"),
        ("bad", "bad-wash"),
        ("odd", "odd-wash"),
        *(
            (f"t-{colour}", paper)
            for colour in ("red", "green", "yellow", "blue", "magenta", "cyan")
            for paper in ("paper", "sheet")
        ),
    ],
)
def test_words_can_be_read(ink: str, paper: str, scheme: int) -> None:
    """Source: WCAG 2.2, success criterion 1.4.3."""
    style = (TEMPLATES / "style.css").read_text()
    colours = re.findall(rf"--{ink}: #(\w{{6}});", style)[scheme], re.findall(rf"--{paper}: #(\w{{6}});", style)[scheme]
    dark, light = sorted(luminance(colour) for colour in colours)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def luminance(colour: str) -> float:
    """Return how bright the colour is, from 0 to 1."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
