"""The page in a real browser."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bindery.notebooks.report import write_report

if TYPE_CHECKING:
    from pathlib import Path

    from tests.notebooks.report.conftest import Browser, Sample

    from bindery.notebooks.results import TestRun

pytestmark = pytest.mark.testbed
DECODED = "Promise.all([...document.images].map(one => one.decode().then(() => 1))).then(all => all.length)"


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (380, "light")])
def test_page_is_whole_and_quiet(sample: Sample, browser: Browser, tmp_path: Path, width: int, scheme: str) -> None:
    browser.open(write_report(sample.failing_run(), tmp_path), width=width, scheme=scheme)
    assert browser.evaluate(DECODED) == 5
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.evaluate("getComputedStyle(document.body).marginTop") == "0px"  # the style is in force
    assert browser.complaints() == []


def test_long_words_and_wide_outputs_fit_a_phone(sample: Sample, browser: Browser, tmp_path: Path) -> None:
    long = "a-very-long-name-without-an-end-" * 8
    cell = sample.cell(0, source="x = 1" * 200, message=long, mismatches=(sample.mismatch(actual="1 " * 2000),))
    notebook = sample.notebook(long, cell, message=long, metrics=sample.metrics(400, 12, 12))
    browser.open(write_report(sample.run(notebook, environment=long, cluster=long), tmp_path), width=380)
    browser.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    assert browser.evaluate("document.documentElement.scrollWidth") <= 380


def test_all_numbers_of_the_tasks_are_seen_on_a_phone(sample: Sample, browser: Browser, tmp_path: Path) -> None:
    metrics = replace(
        sample.metrics(), tasks_done={"open_dataset-custom_quantile": 12}, output_bytes_by_prefix={"mean_chunk": 10**9}
    )
    browser.open(write_report(sample.run(sample.notebook("a", sample.cell(0), metrics=metrics)), tmp_path), width=380)
    beyond = "[...document.querySelectorAll('.legend')].map(one => one.scrollWidth - one.parentElement.clientWidth)"
    assert browser.evaluate(beyond) == [0]


def test_hostile_notebooks_do_nothing(hostile_run: TestRun, browser: Browser, tmp_path: Path) -> None:
    path = write_report(hostile_run, tmp_path)
    browser.open(path)
    browser.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    browser.evaluate("document.querySelectorAll('main *').forEach(one => one.dispatchEvent(new Event('mouseover')))")
    assert browser.complaints() == []
    assert browser.evaluate("typeof window.hurt") == "undefined"
    assert browser.evaluate("location.href") == path.as_uri()
    assert browser.evaluate("getComputedStyle(document.body).display") == "block"
    assert browser.evaluate("document.querySelectorAll('iframe, object, embed, form, base, script[src]').length") == 0
    assert browser.evaluate("document.scripts.length") == 1


def test_page_is_readable_without_scripts(sample: Sample, browser: Browser, tmp_path: Path) -> None:
    browser.open(write_report(sample.failing_run(), tmp_path), scripts=False)
    assert "2 of 3 notebooks failed" in browser.evaluate("document.querySelector('h1').textContent")
    assert browser.evaluate("document.querySelector('.tools').hidden") is True
    assert browser.complaints() == []


def test_link_to_a_folded_cell_unfolds_it(sample: Sample, browser: Browser, tmp_path: Path) -> None:
    browser.open(write_report(sample.failing_run(), tmp_path))
    fold = "document.getElementById('weekly-mean.cell-3').closest('details').open"
    assert browser.evaluate(fold) is False
    browser.evaluate(
        "new Promise(done => { addEventListener('hashchange', done); location.hash = 'weekly-mean.cell-3' })"
    )
    assert browser.evaluate(fold) is True


def test_button_unfolds_everything_and_folds_it_again(sample: Sample, browser: Browser, tmp_path: Path) -> None:
    browser.open(write_report(sample.failing_run(), tmp_path))
    click = "document.getElementById('page.unfold').click()"
    opened = "[...document.querySelectorAll('details')].filter(one => one.open).length"
    browser.evaluate(click)
    assert browser.evaluate(opened) == 5
    browser.evaluate(click)
    assert browser.evaluate(opened) == 0


def test_everything_that_scrolls_or_acts_has_a_name(sample: Sample, browser: Browser, tmp_path: Path) -> None:
    browser.open(write_report(sample.failing_run(), tmp_path))
    nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
    roles = {"region", "image", "button", "link", "heading", "article", "checkbox"}
    unnamed = [
        browser.call("DOM.describeNode", backendNodeId=node["backendDOMNodeId"], depth=1)
        for node in nodes
        if not node["ignored"] and node["role"]["value"] in roles and not node.get("name", {}).get("value")
    ]
    assert unnamed == []
    assert {"banner", "main", "contentinfo"} <= {node["role"]["value"] for node in nodes}
