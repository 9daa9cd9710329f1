"""The notebooks of this project, in its environment, on both Pythons: as referenced, and found where they are not."""

from __future__ import annotations

import base64
import io
import json
import re
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, TypedDict, cast

import numpy as np
import pytest
from PIL import Image
from tests.conftest import find_python

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.acceptance.conftest import Bindery

REGION = (300, 200, 12, 9)  # left, top, width, height


class Mismatch(TypedDict):
    part: str
    reason: str
    reference: str
    actual: str
    picture: str | None


class Cell(TypedDict):
    index: int
    source: str
    outcome: str
    compared: bool
    mismatches: list[Mismatch]


class Notebook(TypedDict):
    name: str
    path: str
    outcome: str
    failure: str | None
    cells: list[Cell]


class Results(TypedDict):
    passed: bool
    verdict: str
    packages: str
    python: str
    lock_digest: str
    cluster: str
    notebooks: list[Notebook]


class Output(TypedDict, total=False):
    text: list[str]
    data: dict[str, str]


class SavedCell(TypedDict, total=False):
    source: list[str]
    outputs: list[Output]


def read_results(report: Path) -> Results:
    return cast("Results", json.loads((report / "results.json").read_text()))


@pytest.mark.parametrize(
    ("minor", "words", "environ", "cluster"),
    [
        ("3.12", [], {}, "2 workers, 1 thread each, 2GiB each, on this machine"),
        ("3.11", ["--workers", "1"], {"OMP_NUM_THREADS": "1"}, "1 worker, 1 thread each, 2GiB each, on this machine"),
    ],
)
def test_every_cell_is_as_referenced(
    bindery: Bindery, project: Path, minor: str, words: list[str], environ: dict[str, str], cluster: str
) -> None:
    chosen = ["--packages", "wheels", "--python", str(find_python(minor)), *words]
    done = bindery("test", *chosen, "--junit", "junit.xml", cwd=project, environ=environ)
    assert (done.returncode, done.stdout) == (0, "report/index.html\n"), done.stderr
    results = read_results(project / "report")
    assert (results["passed"], results["verdict"]) == (True, "3 notebooks, 28 cells: all as referenced")
    assert (results["packages"], results["cluster"]) == ("wheels", cluster)
    assert results["python"].startswith(f"{minor}.")
    assert re.fullmatch("sha256:[0-9a-f]{64}", results["lock_digest"])
    assert [one["path"] for one in results["notebooks"]] == [
        f"notebooks/{name}.ipynb" for name in ("gmet-ensemble", "ndvi-series", "weekly-mean")
    ]
    assert all(cell["compared"] for one in results["notebooks"] for cell in one["cells"])
    suites = ET.fromstring((project / "junit.xml").read_text())  # noqa: S314 - our own
    assert [suites.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["28", "0", "0", "0"]
    page = (project / "report" / "index.html").read_text()
    assert "3 notebooks, 28 cells: all as referenced" in page
    assert re.findall(r"(?:src|href)=[\"'](?!data:|#)[^\"']*", page) == [], "the page needs no network"
    assert str(project) not in page


def edit_cell(project: Path, name: str, index: int, edit: Callable[[SavedCell], None]) -> None:
    path = project / "notebooks" / f"{name}.ipynb"
    document = json.loads(path.read_text())
    edit(document["cells"][index])
    path.write_text(json.dumps(document, indent=1))


def change_number(cell: SavedCell) -> None:
    lines = cell["outputs"][0]["text"]
    changed = [line.replace("outside the band: 2 of 106", "outside the band: 3 of 106") for line in lines]
    assert changed != lines
    cell["outputs"][0]["text"] = changed


def change_label(cell: SavedCell) -> None:
    """Have the figure drawn with another label than the reference has; the two differ in nothing else."""
    changed = [line.replace('xlabel="easting (km)"', 'xlabel="easting (mi)"') for line in cell["source"]]
    assert changed != cell["source"]
    cell["source"] = changed


def change_region(cell: SavedCell) -> None:
    data = next(output["data"] for output in cell["outputs"] if "image/png" in output["data"])
    with Image.open(io.BytesIO(base64.b64decode(data["image/png"]))) as image:
        pixels = np.array(image.convert("RGBA"))
    left, top, width, height = REGION
    pixels[top : top + height, left : left + width, :3] += 128  # wraps: every channel moves by half its range
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG")
    data["image/png"] = base64.b64encode(stream.getvalue()).decode()


def red_box(picture: str) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of what the picture marks."""
    with Image.open(io.BytesIO(base64.b64decode(picture))) as image:
        red = (np.array(image.convert("RGB")) == (214, 39, 40)).all(axis=2)
    rows, columns = np.flatnonzero(red.any(axis=1)), np.flatnonzero(red.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]), int(rows[-1])


def test_a_changed_number_label_and_region_are_found_and_shown(bindery: Bindery, project: Path) -> None:
    edit_cell(project, "weekly-mean", 15, change_number)
    edit_cell(project, "ndvi-series", 11, change_label)
    edit_cell(project, "gmet-ensemble", 15, change_region)
    done = bindery("test", "--packages", "wheels", "--python", str(find_python("3.12")), cwd=project)
    assert (done.returncode, done.stdout) == (1, "report/index.html\n"), done.stderr
    results = read_results(project / "report")
    assert results["passed"] is False
    assert {(one["outcome"], one["failure"]) for one in results["notebooks"]} == {("differs", "difference")}
    wrong = {
        one["name"]: [cell for cell in one["cells"] if cell["outcome"] != "passed"] for one in results["notebooks"]
    }
    assert {name: [cell["index"] for cell in cells] for name, cells in wrong.items()} == {
        "gmet-ensemble": [15],
        "ndvi-series": [11],
        "weekly-mean": [15],
    }
    ((region,), (label,), (number,)) = (wrong[name][0]["mismatches"] for name in sorted(wrong))
    page = (project / "report" / "index.html").read_text()
    for name, cells in wrong.items():
        assert f'id="{name}.cell-{cells[0]["index"] + 1}"' in page

    left, top, width, height = REGION
    right, bottom = left + width - 1, top + height - 1
    assert region["part"] == "image/png"
    assert region["reason"] == (
        f"{width * height} pixels of 413,100 changed at the middle centre "
        f"(x {left} to {right}, y {top} to {bottom} from the top left, of 900 by 459)"
    )
    assert region["picture"] is not None
    assert red_box(region["picture"]) == (left, top, right, bottom)
    for picture in (region["reference"], region["actual"], region["picture"]):
        assert "".join(picture.split()) in page

    assert label["part"] == "image/png"
    assert " changed at the bottom centre (x " in label["reason"]
    assert label["picture"] is not None
    _, label_top, _, label_bottom = red_box(label["picture"])
    assert 500 < label_top < label_bottom < 540, "only the line of the label changed"
    assert "".join(label["picture"].split()) in page

    assert number["part"] == "stdout"
    assert "outside the band: 3 of 106" in number["reference"]
    assert "outside the band: 2 of 106" in number["actual"]
    assert '<li><del>3</del> <span aria-label="became">→</span> <ins>2</ins>' in page
