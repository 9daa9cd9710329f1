"""The order in which cells stand and ran: a reference made by running cells up and down proves nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bindery.notebooks.results import Mismatch

if TYPE_CHECKING:
    from bindery.notebooks.compare.cells import Cell, Pair

_Place = tuple[int | None, int | None]


def out_of_order(pairs: tuple[Pair, ...]) -> dict[_Place, Mismatch]:
    """Return, by the places of a pair, why its cell is not where or when it should be."""
    found: dict[_Place, Mismatch] = {}
    highest: Cell | None = None
    last_place = -1
    for reference, executed in pairs:
        if reference is None or executed is None:
            continue
        place = (reference.index, executed.index)
        if executed.index < last_place:
            found[place] = _moved(reference, executed)
        last_place = max(last_place, executed.index)
        if reference.execution_count is None:
            continue
        if highest is not None and reference.execution_count <= (highest.execution_count or 0):
            found.setdefault(place, _ran_early(reference, highest))
        else:
            highest = reference
    return found


def _moved(reference: Cell, executed: Cell) -> Mismatch:
    return Mismatch(
        part="execution_count",
        reason=f"the cell stands at place {executed.index + 1} instead of {reference.index + 1}",
        reference=str(reference.index + 1),
        actual=str(executed.index + 1),
    )


def _ran_early(cell: Cell, highest: Cell) -> Mismatch:
    return Mismatch(
        part="execution_count",
        reason=(
            f"the reference was not made from top to bottom: this cell ran as [{cell.execution_count}], "
            f"after cell {highest.index + 1} ran as [{highest.execution_count}]"
        ),
        reference=str(cell.execution_count),
        actual=None,
    )
