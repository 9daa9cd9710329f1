"""A notebook that was executed, cell by cell, against its reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bindery.notebooks.compare.cells import code_cells, pair_cells
from bindery.notebooks.compare.markers import read_wishes
from bindery.notebooks.compare.order import out_of_order
from bindery.notebooks.results import CellResult, Mismatch, Outcome

if TYPE_CHECKING:
    from nbformat import NotebookNode

    from bindery.notebooks.compare.cells import Cell, Output, Pair


def compare_notebook(reference: NotebookNode, executed: NotebookNode) -> tuple[CellResult, ...]:
    """Return what became of each code cell, in the reference's order, then of those the reference does not have.

    Never a silent pass: a cell whose reference was cleared, a cell that is missing, new or at another place, and one
    that was not executed are differences; what its author excepts (see ``markers``) says so, with ``compared`` False.
    """
    pairs = pair_cells(code_cells(reference), code_cells(executed))
    disorder = out_of_order(pairs)
    results: list[CellResult] = []
    stopped_by: Cell | None = None
    for pair in pairs:
        result = _compare_pair(pair, disorder.get(_place(pair)), stopped_by)
        if result.outcome is Outcome.RAISED and stopped_by is None:
            stopped_by = pair[1]
        results.append(result)
    return tuple(results)


def compare_cell(reference: Cell, executed: Cell) -> CellResult:
    """Return what became of the cell, which is the same in both notebooks and was reached by the run."""
    return _compare_pair((reference, executed), None, None)


def error_of(cell: Cell) -> Output | None:
    """Return the error that ended the cell, None if it ended well."""
    return next((output for output in cell.outputs if output.get("output_type") == "error"), None)


def _place(pair: Pair) -> tuple[int | None, int | None]:
    reference, executed = pair
    return reference.index if reference else None, executed.index if executed else None


def _compare_pair(pair: Pair, disorder: Mismatch | None, stopped_by: Cell | None) -> CellResult:
    reference, executed = pair
    if reference is None or executed is None:
        return _one_sided(reference, executed)
    wishes = read_wishes(executed)
    error = error_of(executed)
    if error is not None and not wishes.may_raise:
        message = f"{error.get('ename')}: {error.get('evalue')}"
        return _result(pair, Outcome.RAISED, message, _outputs_as_far(reference, executed), compared=False)
    if not executed.is_blank and executed.execution_count is None and wishes.not_compared is None:
        return _result(pair, Outcome.NOT_RUN, _why_not_run(stopped_by), (), compared=False)
    if wishes.not_compared is not None:
        return _result(pair, Outcome.PASSED, wishes.not_compared, (), compared=False)
    mismatches = _mismatches(reference, executed)
    if disorder is not None:
        mismatches = (disorder, *mismatches)
    outcome = Outcome.DIFFERS if mismatches else Outcome.PASSED
    # A table and its plain text say the same twice.
    message = "; ".join(dict.fromkeys(one.reason for one in mismatches))
    return _result(pair, outcome, message, mismatches, compared=True)


def _outputs_as_far(reference: Cell, executed: Cell) -> tuple[Mismatch, ...]:
    """Return how the error differs from the reference, which is what a reader looks for first."""
    mismatches = _mismatches(reference, executed)
    return tuple(mismatch for mismatch in mismatches if mismatch.part == "error")


def _why_not_run(stopped_by: Cell | None) -> str:
    if stopped_by is None:
        return "the cell was not executed"
    return f"the cell was not executed: cell {stopped_by.index + 1} raised before it"


def _mismatches(reference: Cell, executed: Cell) -> tuple[Mismatch, ...]:
    from bindery.notebooks.compare.judge import compare_outputs  # noqa: PLC0415 - nbval brings pytest with it

    found: list[Mismatch] = []
    if reference.source != executed.source:
        found.append(
            Mismatch(
                part="source",
                reason="the source is not the reference's",
                reference=reference.source,
                actual=executed.source,
            )
        )
    if reference.execution_count is None and not reference.is_blank:
        reason = "the reference was never executed or was cleared, so there is nothing to compare with"
        if reference.outputs:
            reason = "the reference has outputs but no execution count, so nobody knows where they come from"
        found.append(
            Mismatch(part="execution_count", reason=reason, reference=None, actual=str(executed.execution_count))
        )
        return tuple(found)
    return (*found, *compare_outputs(reference.outputs, executed.outputs, executed.source))


def _one_sided(reference: Cell | None, executed: Cell | None) -> CellResult:
    reason = "the cell is in the reference, but not in the notebook that was executed"
    if reference is None:
        reason = "the cell was executed, but is not in the reference"
    mismatch = Mismatch(
        part="outputs",
        reason=reason,
        reference=reference.source if reference else None,
        actual=executed.source if executed else None,
    )
    return _result((reference, executed), Outcome.DIFFERS, reason, (mismatch,), compared=True)


def _result(
    pair: Pair, outcome: Outcome, message: str, mismatches: tuple[Mismatch, ...], *, compared: bool
) -> CellResult:
    reference, executed = pair
    cell = reference or executed
    return CellResult(
        index=cell.index if cell else 0,
        source=cell.source if cell else "",
        outcome=outcome,
        compared=compared,
        duration_s=executed.duration_s if executed else None,
        message=message,
        mismatches=mismatches,
        reference_outputs=reference.outputs if reference else (),
        outputs=executed.outputs if executed else (),
    )
