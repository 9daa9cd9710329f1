"""The code cells of a notebook, as values, and which cell of one notebook is which of another."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from bindery.core import parse_json

if TYPE_CHECKING:
    from nbformat import NotebookNode

    from bindery.core import Json

INJECTED_TAG = "injected-parameters"  # papermill's own cell, with the values that a run was given
Output = dict[str, "Json"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """A code cell. ``index`` counts all cells of its notebook from 0, without the ones that papermill put in."""

    index: int
    cell_id: str | None
    source: str
    metadata: dict[str, Json]
    execution_count: int | None
    outputs: tuple[Output, ...]

    @property
    def tags(self) -> tuple[str, ...]:
        """The cell's tags."""
        tags = self.metadata.get("tags")
        return tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else ()

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing to execute."""
        return not self.source.strip()

    @property
    def duration_s(self) -> float | None:
        """How long the cell took, as papermill or nbclient noted it; None if neither did."""
        noted = self.metadata.get("papermill")
        if isinstance(noted, dict) and isinstance(noted.get("duration"), int | float):
            return float(str(noted["duration"]))
        times = self.metadata.get("execution")
        if not isinstance(times, dict):
            return None
        start, end = times.get("iopub.execute_input"), times.get("shell.execute_reply")
        if not isinstance(start, str) or not isinstance(end, str):
            return None
        return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


def code_cells(notebook: NotebookNode) -> tuple[Cell, ...]:
    """Return the notebook's code cells in order, without papermill's own."""
    document = parse_json(json.dumps(notebook))
    entries = document.get("cells") if isinstance(document, dict) else None
    found: list[Cell] = []
    index = 0
    for entry in entries if isinstance(entries, list) else []:
        if not isinstance(entry, dict):
            continue
        if not is_papermills(entry):
            if entry.get("cell_type") == "code":
                found.append(_parse_cell(entry, index))
            index += 1
    return tuple(found)


def is_papermills(entry: dict[str, Json]) -> bool:
    """Whether papermill put the cell in: the parameters of a run, or the sign that a cell failed."""
    metadata = entry.get("metadata")
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    return isinstance(tags, list) and any(
        isinstance(tag, str) and (tag == INJECTED_TAG or tag.startswith("papermill-error-cell")) for tag in tags
    )


def _parse_cell(entry: dict[str, Json], index: int) -> Cell:
    cell_id, count = entry.get("id"), entry.get("execution_count")
    metadata, outputs = entry.get("metadata"), entry.get("outputs")
    return Cell(
        index=index,
        cell_id=cell_id if isinstance(cell_id, str) else None,
        source=join_lines(entry.get("source")),
        metadata=metadata if isinstance(metadata, dict) else {},
        execution_count=count if isinstance(count, int) else None,
        outputs=tuple(output for output in outputs if isinstance(output, dict)) if isinstance(outputs, list) else (),
    )


def join_lines(value: Json) -> str:
    """Return text that nbformat may have stored as a list of lines."""
    if isinstance(value, list):
        return "".join(str(line) for line in value)
    return value if isinstance(value, str) else ""


Pair = tuple[Cell | None, Cell | None]


def pair_cells(reference: tuple[Cell, ...], executed: tuple[Cell, ...]) -> tuple[Pair, ...]:
    """Return which executed cell is which of the reference, in the reference's order, then those that are new.

    Cells are the same if their ids are. Where ids are missing, or were made anew by a program that knows none, the
    cells that are left are matched by their sources, in order.
    """
    partners = _by_id(reference, executed)
    taken = set(partners.values())
    left = [place for place in range(len(reference)) if place not in partners]
    free = [place for place in range(len(executed)) if place not in taken]
    matcher = SequenceMatcher(
        None, [reference[i].source for i in left], [executed[i].source for i in free], autojunk=False
    )
    for kind, start, end, other_start, other_end in matcher.get_opcodes():
        if kind == "equal" or (kind == "replace" and end - start == other_end - other_start):
            partners.update(zip(left[start:end], free[other_start:other_end], strict=True))
    taken = set(partners.values())
    pairs: list[Pair] = [
        (cell, executed[partners[place]] if place in partners else None) for place, cell in enumerate(reference)
    ]
    pairs += [(None, cell) for place, cell in enumerate(executed) if place not in taken]
    return tuple(pairs)


def _by_id(reference: tuple[Cell, ...], executed: tuple[Cell, ...]) -> dict[int, int]:
    ours = Counter(cell.cell_id for cell in reference)
    theirs = Counter(cell.cell_id for cell in executed)
    places = {cell.cell_id: place for place, cell in enumerate(executed) if theirs[cell.cell_id] == 1}
    return {
        place: places[cell.cell_id]
        for place, cell in enumerate(reference)
        if cell.cell_id is not None and ours[cell.cell_id] == 1 and cell.cell_id in places
    }
