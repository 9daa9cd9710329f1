"""Outputs as they are committed: the same run again gives the same bytes, wherever the science is the same.

Addresses and random names are replaced by others that follow from the cell, so that what referred to each other still
does (xarray's folding sections do, and must not clash with those of another cell on one page). Each replacement is of
the form that it replaces, so that the comparison masks it like the real thing.
"""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

from bindery.notebooks.compare.outputs import fold_outputs
from bindery.notebooks.compare.parts import IGNORED, PICTURES
from bindery.notebooks.workplace import PREFIX as WORKPLACE

if TYPE_CHECKING:
    from bindery.core import Json
    from bindery.notebooks.compare.cells import Cell, Output

_NAMESPACE = uuid.UUID("6f5f0b8a-6d1c-5a43-9d0e-0c6b0a6f2f6b")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ADDRESS = re.compile(r"(?<=\bat )0x[0-9A-Fa-f]{6,16}\b")
_WORKPLACE = re.compile(rf"(?<=/{WORKPLACE})[a-z0-9_]{{8}}/\d+(?=/(?:work|home)\b)")
_KERNEL_FILE = re.compile(r"(?<=/ipykernel_)\d+/\d+(?=\.py\b)")


def scrub_outputs(cell: Cell) -> list[Output]:
    """Return the cell's outputs folded, without views of widgets and without what changes from run to run."""
    names: dict[str, str] = {}

    def rename(match: re.Match[str]) -> str:
        return names.setdefault(match[0], str(uuid.uuid5(_NAMESPACE, f"{cell.cell_id or cell.index}/{len(names)}")))

    def clean(value: Json, part: str = "") -> Json:
        match value:
            case str() if part not in PICTURES:
                value = _WORKPLACE.sub("00000000/0", value)
                value = _KERNEL_FILE.sub("0/0", _ADDRESS.sub("0x000000000000", value))
                return _UUID.sub(rename, value)
            case list():
                return [clean(item) for item in value]
            case dict():
                return {key: clean(item, key) for key, item in value.items()}
            case _:
                return value

    return [{key: clean(value) for key, value in _committed(output).items()} for output in fold_outputs(cell.outputs)]


def _committed(output: Output) -> Output:
    """Return the output as nbformat knows it, without views of widgets, whose models are not in the file."""
    kept = {key: value for key, value in output.items() if key != "transient"}
    data = kept.get("data")
    if isinstance(data, dict) and len(data) > 1:
        kept["data"] = {part: value for part, value in data.items() if part not in IGNORED}
    return kept
