"""The last word of each notebook: its check holds, and does not hold when the work above it is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest

if TYPE_CHECKING:
    from tests.example_notebooks.conftest import RunCode

NOTEBOOKS = Path(__file__).parent.parent.parent / "notebooks"
SMALL = {
    "gmet-ensemble": {"members": 9, "day_step": 287, "grid_step": 8, "seed": 3},
    "weekly-mean": {"days": 60, "row_seconds": 300, "partitions": 1, "seed": 3},
    "ndvi-series": {"scenes": 4, "pixel_step": 50, "seed": 3},
}
# One Python is enough here: what the notebooks compute there is compared with their references on each.
pytestmark = pytest.mark.parametrize("python", ["3.11"], indirect=True, scope="session")

# In one process, without a cluster: which values come out does not depend on it.
RUN = """
import json, os, sys
import dask
dask.config.set(scheduler="sync")
cells, folder = json.loads(sys.argv[1]), sys.argv[2]
sys.path.insert(0, os.getcwd())
os.chdir(folder)
names, answer = {}, "holds"
printed, sys.stdout = sys.stdout, sys.stderr
try:
    for cell in cells:
        exec(cell, names)
except AssertionError as error:
    answer = str(error)
print(json.dumps(answer), file=printed)
"""


def cells_of(name: str, wrong: tuple[str, str] | None) -> str:
    """Return the code of the notebook as JSON, small, without a cluster, and with one thing wrong in it."""
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    sources = []
    for cell in notebook.cells:
        if cell.cell_type != "code" or cell.id == "client":
            continue
        source = "\n".join(line for line in cell.source.splitlines() if not line.startswith(("%", "progress(")))
        if "parameters" in cell.metadata.get("tags", []):
            source = "\n".join(f"{key} = {value}" for key, value in SMALL[name].items())
        sources.append(source)
    text = json.dumps(sources)
    if wrong is None:
        return text
    before, after = (json.dumps(part)[1:-1] for part in wrong)
    assert before in text
    return text.replace(before, after)


@pytest.mark.parametrize("name", SMALL)
def test_the_check_holds_for_other_sizes_and_seeds(run_code: RunCode, tmp_path: Path, name: str) -> None:
    assert run_code(RUN, cells_of(name, None), tmp_path) == "holds"


@pytest.mark.parametrize(
    ("name", "wrong", "message"),
    [
        ("gmet-ensemble", ('- temp_mean.min(dim="ensemble")', "- temp_mean[0]"), "the mean range is "),
        ("gmet-ensemble", ("/ sqrt(ds.sizes", "/ sqrt(0.9 * ds.sizes"), "the mean range is "),
        ("weekly-mean", ('.resample("1W").mean()', '.resample("1W").max()'), "a mean is "),
        ("weekly-mean", ('resample("1W")', 'resample("W-MON")'), "the first week ends on 2000-01-31"),
        ("ndvi-series", ('.astype("float64")', ".fillna(0)"), "NDVI runs from "),
    ],
)
def test_the_check_finds_what_is_wrong(
    run_code: RunCode, tmp_path: Path, name: str, wrong: tuple[str, str], message: str
) -> None:
    answer = run_code(RUN, cells_of(name, wrong), tmp_path)
    assert isinstance(answer, str)
    assert answer.startswith(message)
