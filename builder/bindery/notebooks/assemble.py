"""From what was executed and compared to what became of the notebook. Decides; touches nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

from bindery.notebooks.classify import classify, classify_error
from bindery.notebooks.results import CellResult, FailureClass, NotebookResult, Outcome

if TYPE_CHECKING:
    from pathlib import Path

    from bindery.clusters import ClusterMetrics
    from bindery.core import Json
    from bindery.notebooks.collect import Notebook, UnreadableNotebook
    from bindery.notebooks.execute import Execution
    from bindery.notebooks.imports import FailedImport

NOTHING_COMPARED = "nothing was compared: no cell has a reference"


def assemble_result(
    notebook: Notebook,
    execution: Execution,
    compared: tuple[CellResult, ...],
    metrics: ClusterMetrics | None,
    executed: Path | None,
) -> NotebookResult:
    """Return the result of a notebook that was executed, and whose cells were compared."""
    cells = tuple(_overlay(cell, execution) for cell in compared)
    outcome, message = execution.outcome, execution.message
    if outcome is Outcome.PASSED:
        outcome, message = _judge_cells(cells)
    return NotebookResult(
        name=notebook.name,
        path=notebook.path,
        outcome=outcome,
        failure=classify(outcome, message, execution.error),
        message=message,
        cells=cells,
        duration_s=execution.duration_s,
        metrics=metrics,
        executed=executed,
    )


def unreadable_result(notebook: UnreadableNotebook) -> NotebookResult:
    """Return the result of a file that is no notebook."""
    return NotebookResult(
        name=notebook.name,
        path=notebook.path,
        outcome=Outcome.UNREADABLE,
        failure=FailureClass.CODE,
        message=notebook.message,
        cells=(),
        duration_s=0.0,
        metrics=None,
        executed=None,
    )


def import_result(notebook: Notebook, failed: tuple[FailedImport, ...]) -> NotebookResult:
    """Return the result of a notebook that was not executed, because these imports of it do not work."""
    sentences = {one.cell: f"{one.statement}: {one.error.name}: {one.error.value}" for one in reversed(failed)}
    message = "; ".join(f"{one.statement}: {one.error.name}: {one.error.value}" for one in failed)
    return _not_executed(notebook, Outcome.NOT_RUN, classify_error(failed[0].error), message, sentences)


def no_kernel_result(notebook: Notebook, message: str) -> NotebookResult:
    """Return the result of a notebook in an environment that cannot start kernels."""
    return _not_executed(notebook, Outcome.NO_KERNEL, FailureClass.ENVIRONMENT, message, {})


def not_run_result(notebook: Notebook, message: str, failure: FailureClass) -> NotebookResult:
    """Return the result of a notebook that was not executed for another reason."""
    return _not_executed(notebook, Outcome.NOT_RUN, failure, message, {})


def _not_executed(
    notebook: Notebook, outcome: Outcome, failure: FailureClass, message: str, sentences: dict[int, str]
) -> NotebookResult:
    cells = tuple(
        CellResult(
            index=index,
            source=_text(cell["source"]),
            outcome=Outcome.NOT_RUN,
            compared=False,
            duration_s=None,
            message=sentences.get(index, ""),
            mismatches=(),
            reference_outputs=tuple(cast("list[dict[str, Json]]", cell.get("outputs") or [])),
            outputs=(),
        )
        for index, cell in enumerate(notebook.cells)
        if cell["cell_type"] == "code"
    )
    return NotebookResult(
        name=notebook.name,
        path=notebook.path,
        outcome=outcome,
        failure=failure,
        message=message,
        cells=cells,
        duration_s=0.0,
        metrics=None,
        executed=None,
    )


def _overlay(cell: CellResult, execution: Execution) -> CellResult:
    """Say of the cell where the kernel ended, and of those behind it, what comparing cannot know."""
    stopped_at = execution.stopped_at
    if execution.outcome in {Outcome.PASSED, Outcome.RAISED}:
        return cell
    if stopped_at is None or cell.index > stopped_at:
        return replace(cell, outcome=Outcome.NOT_RUN, compared=False, message="was not reached", mismatches=())
    if cell.index == stopped_at:
        return replace(cell, outcome=execution.outcome, compared=False, message=execution.message, mismatches=())
    return cell


def _judge_cells(cells: tuple[CellResult, ...]) -> tuple[Outcome, str]:
    wrong = [cell for cell in cells if cell.outcome is not Outcome.PASSED]
    if wrong:
        # A cell that raised says more than one that differs; one that never ran says least.
        order = (Outcome.RAISED, Outcome.DIFFERS)
        first = min(wrong, key=lambda cell: order.index(cell.outcome) if cell.outcome in order else len(order))
        outcome = Outcome.RAISED if first.outcome is Outcome.RAISED else Outcome.DIFFERS
        return outcome, f"cell {first.index + 1}: {first.message}"
    if not any(cell.compared for cell in cells):
        return Outcome.DIFFERS, NOTHING_COMPARED
    return Outcome.PASSED, ""


def _text(source: Json) -> str:
    return "".join(cast("list[str]", source)) if isinstance(source, list) else str(source)
