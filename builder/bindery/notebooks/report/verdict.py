"""What a run comes down to, in one sentence; and each notebook in one line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bindery.notebooks.report.words import first_line, say_count, say_seconds
from bindery.notebooks.results import Outcome

if TYPE_CHECKING:
    from bindery.notebooks.results import CellResult, NotebookResult, TestRun

NOTHING_COMPARED = "no cell was compared with a reference"
_VERBS = {
    Outcome.PASSED: "compared nothing",
    Outcome.DIFFERS: "differs",
    Outcome.RAISED: "raised an error",
    Outcome.TIMED_OUT: "ran out of time",
    Outcome.KERNEL_DIED: "lost its kernel",
    Outcome.UNREADABLE: "cannot be read",
    Outcome.NO_KERNEL: "found no kernel",
    Outcome.NOT_RUN: "was not run",
}
_CELLS_NAMED = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """Whether the run holds, and the sentence that says so."""

    passed: bool
    sentence: str


def cell_name(cell: CellResult) -> str:
    """Return what people call the cell: its place among all cells of the notebook, counted from 1."""
    return f"cell {cell.index + 1}"


def is_as_referenced(result: NotebookResult) -> bool:
    """Answer whether the notebook passed and something of it was compared."""
    return result.outcome is Outcome.PASSED and any(cell.compared for cell in result.cells)


def failed_cells(result: NotebookResult) -> tuple[CellResult, ...]:
    """Return the cells that ended otherwise than they should; those that never ran only if there are no others."""
    wrong = tuple(cell for cell in result.cells if cell.outcome is not Outcome.PASSED)
    return tuple(cell for cell in wrong if cell.outcome is not Outcome.NOT_RUN) or wrong


def _telling_cells(result: NotebookResult) -> tuple[CellResult, ...]:
    """Return the cells that made the notebook's outcome what it is: of a raised one, the cell that raised."""
    failed = failed_cells(result)
    return tuple(cell for cell in failed if cell.outcome is result.outcome) or failed


def judge(run: TestRun) -> Verdict:
    """Return the verdict; a run that compared nothing does not hold."""
    if not run.notebooks:
        return Verdict(passed=False, sentence="No notebook was collected, so nothing was compared")
    failed = [one for one in run.notebooks if not is_as_referenced(one)]
    if not failed:
        cells = sum(len(one.cells) for one in run.notebooks)
        counted = f"{say_count(len(run.notebooks), 'notebook')}, {say_count(cells, 'cell')}"
        return Verdict(passed=True, sentence=f"{counted}: all as referenced")
    whole = f"{len(failed)} of {say_count(len(run.notebooks), 'notebook')}"
    if len(failed) == 1:
        return Verdict(
            passed=False, sentence=f"{whole} {_VERBS[failed[0].outcome]}: {failed[0].name}{_where(failed[0], ', ', '')}"
        )
    each = "; ".join(f"{one.name} {_VERBS[one.outcome]}{_where(one, ' (', ')')}" for one in failed)
    return Verdict(passed=False, sentence=f"{whole} failed: {each}")


def _where(result: NotebookResult, before: str, after: str) -> str:
    cells = _telling_cells(result)
    if not cells or result.outcome in {Outcome.PASSED, Outcome.NOT_RUN}:
        return ""
    return f"{before}{_list_cells(cells)}{after}"


def _list_cells(cells: tuple[CellResult, ...]) -> str:
    numbers = [str(cell.index + 1) for cell in cells[:_CELLS_NAMED]]
    more = len(cells) - len(numbers)
    if more:
        return f"cells {', '.join(numbers)} and {more} more"
    if len(numbers) == 1:
        return f"cell {numbers[0]}"
    return f"cells {', '.join(numbers[:-1])} and {numbers[-1]}"


def first_reason(result: NotebookResult) -> str:
    """Return why the notebook is not as referenced, in one line; empty if it is."""
    if is_as_referenced(result):
        return ""
    for cell in _telling_cells(result):
        reason = cell.message or next((mismatch.reason for mismatch in cell.mismatches), "")
        if reason:
            return f"{cell_name(cell)}: {first_line(reason)}"
    return first_line(result.message) or NOTHING_COMPARED


def summarise_notebook(result: NotebookResult) -> str:
    """Return the notebook in one line, for a terminal or a log."""
    time = say_seconds(result.duration_s)
    if is_as_referenced(result):
        return f"{result.name}: {say_count(len(result.cells), 'cell')} as referenced, {time}"
    fault = f" ({result.failure})" if result.failure and result.failure.value != "difference" else ""
    return f"{result.name}: {_VERBS[result.outcome]}{fault}, {time}: {first_reason(result)}"


def summarise_run(run: TestRun) -> str:
    """Return the run in one line, for a terminal or a log."""
    return f"{judge(run).sentence} ({say_seconds(run.duration_s)})"
