from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bindery.core import BadInput, Settings, TestSettings
from bindery.core.configuration import NotebookSettings
from bindery.notebooks import CellResult, FailureClass, Notebook, Outcome, choose_environment, existing_target
from bindery.notebooks.assemble import assemble_result, import_result, no_kernel_result
from bindery.notebooks.execute import Execution, RaisedError
from bindery.notebooks.imports import FailedImport

if TYPE_CHECKING:
    from bindery.core import Json

CELLS: list[Json] = [
    {"cell_type": "markdown", "metadata": {}, "source": "words"},
    {"cell_type": "code", "metadata": {}, "source": ["a\n", "b"], "outputs": [], "execution_count": 1},
    {"cell_type": "code", "metadata": {}, "source": "c", "outputs": [], "execution_count": 2},
]
NOTEBOOK = Notebook(name="n", path=Path("n.ipynb"), document={"cells": CELLS, "metadata": {}, "nbformat": 4})


def cell(index: int, outcome: Outcome, *, compared: bool = True) -> CellResult:
    return CellResult(
        index=index,
        source="",
        outcome=outcome,
        compared=compared,
        duration_s=0.1,
        message=f"{outcome} it is",
        mismatches=(),
        reference_outputs=(),
        outputs=(),
    )


def executed(outcome: Outcome, *, stopped_at: int | None = None, error: RaisedError | None = None) -> Execution:
    return Execution(
        outcome=outcome, message="so it ended", error=error, stopped_at=stopped_at, document={}, duration_s=1.0
    )


@pytest.mark.parametrize(
    ("outcomes", "compared", "expected", "message"),
    [
        ((Outcome.PASSED, Outcome.PASSED), True, Outcome.PASSED, ""),
        ((Outcome.PASSED, Outcome.PASSED), False, Outcome.DIFFERS, "nothing was compared: no cell has a reference"),
        ((), True, Outcome.DIFFERS, "nothing was compared: no cell has a reference"),
        ((Outcome.PASSED, Outcome.DIFFERS), True, Outcome.DIFFERS, "cell 2: differs it is"),
        ((Outcome.NOT_RUN, Outcome.DIFFERS), True, Outcome.DIFFERS, "cell 2: differs it is"),
        ((Outcome.PASSED, Outcome.NOT_RUN), True, Outcome.DIFFERS, "cell 2: not run it is"),
        ((Outcome.DIFFERS, Outcome.RAISED), True, Outcome.RAISED, "cell 2: raised it is"),
    ],
)
def test_cells_decide_about_a_notebook_that_came_to_its_end(
    outcomes: tuple[Outcome, ...],
    compared: bool,  # noqa: FBT001 - of the table
    expected: Outcome,
    message: str,
) -> None:
    cells = tuple(cell(index, outcome, compared=compared) for index, outcome in enumerate(outcomes))
    result = assemble_result(NOTEBOOK, executed(Outcome.PASSED), cells, None, None)
    assert (result.outcome, result.message) == (expected, message)
    assert (result.failure is None) == (expected is Outcome.PASSED)


def test_a_kernel_that_died_takes_the_cells_behind_it_along() -> None:
    cells = tuple(cell(index, Outcome.DIFFERS) for index in range(3))
    result = assemble_result(NOTEBOOK, executed(Outcome.KERNEL_DIED, stopped_at=1), cells, None, None)
    assert [one.outcome for one in result.cells] == [Outcome.DIFFERS, Outcome.KERNEL_DIED, Outcome.NOT_RUN]
    assert [one.message for one in result.cells] == ["differs it is", "so it ended", "was not reached"]
    assert [one.compared for one in result.cells] == [True, False, False]


def test_a_kernel_that_never_started_ran_no_cell() -> None:
    result = assemble_result(NOTEBOOK, executed(Outcome.NO_KERNEL), (cell(0, Outcome.PASSED),), None, None)
    assert (result.outcome, result.failure) == (Outcome.NO_KERNEL, FailureClass.ENVIRONMENT)
    assert result.cells[0].outcome is Outcome.NOT_RUN


def test_failed_imports_are_shown_at_their_cells() -> None:
    error = RaisedError(name="ModuleNotFoundError", value="No module named 'x'", traceback="")
    failed = tuple(FailedImport(statement=f"import {name}", cell=2, error=error) for name in "xy")
    result = import_result(NOTEBOOK, failed)
    assert (result.outcome, result.failure) == (Outcome.NOT_RUN, FailureClass.ENVIRONMENT)
    sentence = "import x: ModuleNotFoundError: No module named 'x'"
    assert result.message == f"{sentence}; import y: ModuleNotFoundError: No module named 'x'"
    assert [(one.index, one.source, one.message) for one in result.cells] == [(1, "a\nb", ""), (2, "c", sentence)]


def test_an_environment_without_kernels_is_the_environments_fault() -> None:
    result = no_kernel_result(NOTEBOOK, "no ipykernel")
    assert (result.outcome, result.failure) == (Outcome.NO_KERNEL, FailureClass.ENVIRONMENT)


def settings(**notebooks: str) -> Settings:
    named = {name: NotebookSettings(environment=environment) for name, environment in notebooks.items()}
    return Settings(root=Path("/r"), environments={}, notebooks=named, test=TestSettings(environment="pangeo"))


def test_one_environment_is_chosen_for_all() -> None:
    assert choose_environment(settings(), None, [NOTEBOOK]) == "pangeo"
    assert choose_environment(settings(n="hpc"), None, [NOTEBOOK]) == "hpc"
    assert choose_environment(settings(n="hpc"), "other", [NOTEBOOK]) == "other"


def test_notebooks_that_want_several_environments_are_refused() -> None:
    other = Notebook(name="m", path=Path("m.ipynb"), document=NOTEBOOK.document)
    with pytest.raises(BadInput) as caught:
        choose_environment(settings(n="hpc"), None, [NOTEBOOK, other])
    assert str(caught.value) == (
        "/r/bindery.toml: the notebooks want several environments: n in hpc; m in pangeo\n"
        "  fix: name the notebooks of one environment, or choose one with --environment"
    )


def test_a_folder_without_an_interpreter_is_no_prefix(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        existing_target(tmp_path, {})
    assert str(caught.value) == (
        f"{tmp_path}: there is no bin/python\n  fix: name the folder of a prefix or virtual environment"
    )
