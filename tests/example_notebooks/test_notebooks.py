"""The committed notebooks: complete, tidy, and saying what they are meant to say."""

from __future__ import annotations

import ast
import base64
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest
from PIL import Image

if TYPE_CHECKING:
    from nbformat import NotebookNode

NOTEBOOKS = Path(__file__).parent.parent.parent / "notebooks"
NAMES = ("gmet-ensemble", "ndvi-series", "weekly-mean")
# What belongs to one machine or one run, and so never to a reference.
VOLATILE = re.compile(
    r"/(?:tmp|home|root|work|var|usr|Users)/|(?:tcp|tls|inproc)://|\d+\.\d+\.\d+\.\d+|localhost|0x[0-9a-f]{6}"
    r"|[0-9a-f]{8}-[0-9a-f]{4}-"
)


@pytest.fixture(params=NAMES)
def notebook(request: pytest.FixtureRequest) -> NotebookNode:
    return nbformat.read(NOTEBOOKS / f"{request.param}.ipynb", as_version=nbformat.NO_CONVERT)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def printed(name: str, cell_id: str) -> str:
    """Return what the cell of the reference printed."""
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=nbformat.NO_CONVERT)
    (cell,) = (cell for cell in notebook.cells if cell.id == cell_id)
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")


def test_these_are_all_notebooks() -> None:
    assert sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb")) == sorted(NAMES)


def test_notebook_is_valid_and_its_cells_have_names(notebook: NotebookNode) -> None:
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch("[a-z-]+", name) for name in ids)


def test_metadata_names_the_kernel_and_no_version(notebook: NotebookNode) -> None:
    assert notebook.metadata == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    assert all(set(cell.metadata) <= {"tags"} for cell in notebook.cells)


def test_parameters_are_one_cell_of_literals(notebook: NotebookNode) -> None:
    (cell,) = (cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
    for statement in ast.parse(cell.source).body:
        assert isinstance(statement, ast.Assign)
        ast.literal_eval(statement.value)


def test_the_cluster_is_a_client_and_nothing_more(notebook: NotebookNode) -> None:
    (cell,) = (cell for cell in code_cells(notebook) if "Client(" in cell.source)
    assert cell.source == "client = Client()"
    assert cell.outputs == []


def test_every_code_cell_was_run_in_order(notebook: NotebookNode) -> None:
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))


def test_outputs_hold_no_error_and_nothing_of_one_run(notebook: NotebookNode) -> None:
    for cell in code_cells(notebook):
        for output in cell.outputs:
            assert output.output_type in {"stream", "display_data", "execute_result"}
            assert output.get("name", "stdout") == "stdout"
            texts = [output.get("text", "")]
            texts += [text for mime, text in output.get("data", {}).items() if mime != "image/png"]
            assert [found for text in texts for found in VOLATILE.findall(text)] == []
            assert "application/vnd.jupyter.widget-view+json" not in output.get("data", {})


def test_every_notebook_explains_draws_and_checks(notebook: NotebookNode) -> None:
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert "JCAD 2018" in text
    assert "## Was it right?" in text
    assert re.search(r"^assert .*, f?\"", code_cells(notebook)[-1].source, flags=re.MULTILINE)
    pictures = [output.data["image/png"] for cell in code_cells(notebook) for output in cell.outputs
                if "image/png" in output.get("data", {})]  # fmt: skip
    assert pictures
    for picture in pictures:
        with Image.open(io.BytesIO(base64.b64decode(picture))) as image:
            assert image.width in {720, 900}
            colours = image.convert("RGB").getcolors(maxcolors=image.width * image.height)
            assert colours is not None
            assert len(colours) > 50


def test_code_needs_no_network_and_no_path_of_one_machine(notebook: NotebookNode) -> None:
    for cell in code_cells(notebook):
        assert "://" not in cell.source
        assert not VOLATILE.search(cell.source)


def test_gmet_ensemble_counts_the_tasks_of_the_talk() -> None:
    counts = {name: int(count) for count, name in map(str.split, printed("gmet-ensemble", "graph").splitlines())}
    assert (counts["mean_chunk"], counts["mean_combine-partial"], counts["mean_agg-aggregate"]) == (378, 126, 9)
    assert counts["open_dataset-temp"] == 378


def test_gmet_ensemble_finds_the_expected_range() -> None:
    numbers = dict(re.findall(r"^(\w[\w ]*\w) +([\d.,]+)", printed("gmet-ensemble", "check"), flags=re.MULTILINE))
    assert numbers["expected"] == "2.970"
    assert abs(float(numbers["found"]) - 2.970) < 4 * float(numbers["sampling error"]) < 0.1


def test_weekly_mean_begins_with_the_week_of_the_talk() -> None:
    assert printed("weekly-mean", "check").startswith("first week   2000-02-06, 60,480 rows\n")


def test_ndvi_series_counts_the_tasks_of_the_full_size() -> None:
    text = printed("ndvi-series", "native")
    assert "(80, 8100, 9100) in chunks of (1, 4050, 4550)" in text
    counts = {name: int(count) for count, name in re.findall(r"^ *(\d+)  (\S+)$", text, flags=re.MULTILINE)}
    assert counts["open_dataset-red"] + counts["open_dataset-nir"] == 640
    assert (counts["truediv"], counts["mean_chunk"]) == (320, 320)
