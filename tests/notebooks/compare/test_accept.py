import json
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from bindery.core import BadInput, BinderyError, CheckFailed
from bindery.notebooks.compare import AcceptedChange, accept_notebook, compare_notebook
from bindery.notebooks.results import Outcome

UUID = "83838853-e751-11f1-b697-02fc0000000"
VIEW = "application/vnd.jupyter.widget-view+json"


def written() -> NotebookNode:
    """Return a notebook as its author wrote it, never executed."""
    cells = [
        new_markdown_cell("# Title", id="title"),
        new_code_cell("n = 3", id="parameters", metadata={"tags": ["parameters"]}),
        new_code_cell("print(n)", id="shown"),
        new_code_cell("ds", id="table"),
        new_code_cell("", id="blank"),
    ]
    return new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})


def executed(value: str = "3", run: int = 1) -> NotebookNode:
    """Return what papermill makes of it."""
    notebook = written()
    for count, cell in enumerate((notebook.cells[1], notebook.cells[2], notebook.cells[3]), start=1):
        cell.execution_count = count + (count > 1)  # papermill's own cell ran as the second
        cell.metadata["papermill"] = {"duration": 0.1 * run, "start_time": f"2026-11-2{run}"}
        cell.metadata["execution"] = {"iopub.status.busy": f"2026-11-2{run}"}
    injected = new_code_cell("n = 3", execution_count=2, metadata={"tags": ["injected-parameters"]})
    notebook.cells[2].outputs = [
        new_output("stream", name="stdout", text="step 1\r"),
        new_output("stream", name="stdout", text=f"{value}     \n"),
    ]
    html = f'<input id="{UUID}{run}"><label for="{UUID}{run}">x</label>'
    plain = f"<object at 0x7fab85e30a9{run} of /tmp/bindery-test-a1b2c3d{run}/{run}/work>"
    data = {"text/html": html, "text/plain": plain, VIEW: {"model_id": str(run)}}
    notebook.cells[3].outputs = [new_output("execute_result", data, execution_count=4)]
    notebook.cells.insert(2, injected)
    notebook.metadata["papermill"] = {"start_time": f"2026-11-2{run}"}
    notebook.metadata["widgets"] = {"state": {}}
    notebook.metadata["language_info"] = {"name": "python", "version": f"3.12.{run}"}
    return notebook


@pytest.fixture
def path(tmp_path: Path) -> Path:
    target = tmp_path / "gmet.ipynb"
    nbformat.write(written(), target)
    return target


def test_the_first_reference_has_outputs_counts_and_nothing_of_the_run(path: Path) -> None:
    changes = accept_notebook(path, executed())
    assert changes == (
        AcceptedChange(index=1, source="n = 3", sentence="has a reference for the first time (no outputs)"),
        AcceptedChange(index=2, source="print(n)", sentence="has a reference for the first time (2 outputs)"),
        AcceptedChange(index=3, source="ds", sentence="has a reference for the first time (1 output)"),
    )
    document = json.loads(path.read_bytes())
    assert [cell["id"] for cell in document["cells"]] == ["title", "parameters", "shown", "table", "blank"]
    assert [cell.get("execution_count") for cell in document["cells"]] == [None, 1, 2, 3, None]
    assert document["metadata"] == {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    assert [cell["metadata"] for cell in document["cells"]] == [{}, {"tags": ["parameters"]}, {}, {}, {}]
    assert document["cells"][2]["outputs"] == [{"name": "stdout", "output_type": "stream", "text": ["3\n"]}]
    (result,) = document["cells"][3]["outputs"]
    assert result["execution_count"] == 3
    assert result["data"]["text/plain"] == ["<object at 0x000000000000 of /tmp/bindery-test-00000000/0/work>"]
    assert VIEW not in result["data"]
    assert UUID not in path.read_text()
    (html,) = result["data"]["text/html"]
    assert html.split('"')[1] == html.split('"')[3]  # the label still belongs to its field


def test_the_bytes_are_nbformats_and_the_same_for_the_same_result(path: Path) -> None:
    accept_notebook(path, executed(run=1))
    first = path.read_bytes()
    assert first.endswith(b"}\n")
    assert first.startswith(b'{\n "cells": [\n  {\n')
    nbformat.write(written(), path)
    accept_notebook(path, executed(run=2))
    assert path.read_bytes() == first


def test_accepting_again_changes_nothing(path: Path) -> None:
    accept_notebook(path, executed(run=1))
    first, when = path.read_bytes(), path.stat().st_mtime_ns
    assert accept_notebook(path, executed(run=2)) == ()
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (first, when)


def test_what_is_accepted_passes(path: Path) -> None:
    accept_notebook(path, executed(run=1))
    results = compare_notebook(nbformat.read(path, as_version=4), executed(run=2))
    assert {result.outcome for result in results} == {Outcome.PASSED}


def test_only_what_changed_is_replaced_and_told(path: Path) -> None:
    accept_notebook(path, executed("0.51", run=1))
    first = path.read_text().splitlines()
    changes = accept_notebook(path, executed("0.52", run=2))
    assert changes == (
        AcceptedChange(
            index=2,
            source="print(n)",
            sentence="number 0.51 became 0.52 (line 1; only the same digits are allowed)",
        ),
    )
    second = path.read_text().splitlines()
    assert [(old, new) for old, new in zip(first, second, strict=True) if old != new] == [
        ('      "0.51\\n"', '      "0.52\\n"')
    ]


def test_outputs_that_nobody_compares_stay_as_they_are(path: Path) -> None:
    notebook = written()
    notebook.cells[2].source = "# NBVAL_IGNORE_OUTPUT\nprint(n)"
    nbformat.write(notebook, path)
    for run, value in enumerate(("1", "2"), start=1):
        ran = executed(value, run)
        ran.cells[3].source = notebook.cells[2].source
        accept_notebook(path, ran)
    assert json.loads(path.read_bytes())["cells"][2]["outputs"][0]["text"] == ["1\n"]


def test_a_reference_made_out_of_order_is_counted_anew_and_keeps_its_outputs(path: Path) -> None:
    accept_notebook(path, executed())
    good = path.read_bytes()
    reference = nbformat.read(path, as_version=4)
    reference.cells[1].execution_count = 9
    nbformat.write(reference, path)
    (change, _) = accept_notebook(path, executed(run=2))
    assert change.sentence.startswith(
        "the reference was not made from top to bottom: this cell ran as [2], after cell 2"
    )
    assert path.read_bytes() == good


def test_the_mode_of_the_file_stays(path: Path) -> None:
    path.chmod(0o600)
    accept_notebook(path, executed())
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["gmet.ipynb"]


def test_cells_without_ids_get_ones_that_follow_from_their_place(path: Path) -> None:
    document = json.loads(path.read_bytes())
    for cell in document["cells"]:
        del cell["id"]
    path.write_text(json.dumps(document))
    accept_notebook(path, executed())
    assert [cell["id"] for cell in json.loads(path.read_bytes())["cells"]] == [f"cell-{index}" for index in range(5)]


def raised() -> NotebookNode:
    notebook = executed()
    notebook.cells[3].outputs = [new_output("error", ename="ValueError", evalue="too cold", traceback=[])]
    notebook.cells[4].execution_count = None
    return notebook


def killed() -> NotebookNode:
    notebook = executed()
    notebook.cells[4].execution_count = None
    return notebook


def older() -> NotebookNode:
    notebook = executed()
    notebook.cells[3].source = "print(n + 1)"
    return notebook


def shorter() -> NotebookNode:
    notebook = executed()
    del notebook.cells[4]
    return notebook


def longer() -> NotebookNode:
    notebook = executed()
    notebook.cells.append(new_code_cell("more", execution_count=9))
    return notebook


@pytest.mark.parametrize(
    ("run", "text"),
    [
        (
            raised(),
            (
                "cell 3 raised ValueError: too cold\n"
                "  fix: mend the cell, or tag it raises-exception if it is meant to raise"
            ),
        ),
        (killed(), "cell 4 was not executed, so the run has no result to accept\n  fix: run it to its end"),
        (older(), "cell 3: the source is not the reference's\n  fix: execute the notebook as it is now"),
        (
            shorter(),
            (
                "cell 4: the cell is in the reference, but not in the notebook that was executed\n"
                "  fix: execute the notebook as it is now"
            ),
        ),
        (
            longer(),
            "cell 6: the cell was executed, but is not in the reference\n  fix: execute the notebook as it is now",
        ),
    ],
    ids=["raised", "killed", "older", "shorter", "longer"],
)
def test_a_run_that_is_not_whole_is_refused(path: Path, run: NotebookNode, text: str) -> None:
    before = path.read_bytes()
    with pytest.raises(CheckFailed) as refused:
        accept_notebook(path, run)
    assert str(refused.value) == f"{path}: {text}"
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("{", "is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("[]", "is not a notebook of format 4\n  fix: open it in JupyterLab and save it"),
        ('{"nbformat": 3}', "is not a notebook of format 4\n  fix: open it in JupyterLab and save it"),
        ('{"nbformat": 4}', "is not a notebook of format 4\n  fix: open it in JupyterLab and save it"),
        (
            '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "poem"}]}',
            "is not a notebook: {'cell_type': 'poem', 'id': 'cell-0'} is not valid under any of the given schemas",
        ),
    ],
)
def test_what_is_no_notebook_is_refused(path: Path, content: str, text: str) -> None:
    path.write_text(content)
    with pytest.raises(BadInput) as refused:
        accept_notebook(path, executed())
    assert str(refused.value) == f"{path}: {text}"


def test_a_notebook_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as refused:
        accept_notebook(tmp_path / "none.ipynb", executed())
    assert str(refused.value) == f"{tmp_path}/none.ipynb: cannot be read: No such file or directory"


def test_outputs_that_make_no_notebook_are_refused(path: Path) -> None:
    notebook = executed()
    notebook.cells[4].outputs[0]["data"] = {"text/plain": 7}
    with pytest.raises(CheckFailed) as refused:
        accept_notebook(path, notebook)
    assert str(refused.value).startswith(f"{path}: the run's outputs do not make a notebook: ")


def test_a_file_that_cannot_be_replaced_stays(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = path.read_bytes()

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(BinderyError) as refused:
        accept_notebook(path, executed())
    assert str(refused.value) == f"{path}: the disk is full\n  fix: free some space, or set BINDERY_STORE"
    assert path.read_bytes() == before
