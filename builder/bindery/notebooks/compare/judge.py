"""nbval's comparator, driven without a kernel, and with its faults mended.

nbval compares outputs in ``IPyNbCell.compare_outputs``: kinds and their number first, then every value for equality.
That verdict is kept. Before it is asked, each output is looked at by the comparison made for its kind, and where that
finds no difference the new output is replaced by the reference's, so that nbval is left with what really differs. An
output that one of the two does not accept is not accepted.
"""

from __future__ import annotations

import copy
import json
from types import SimpleNamespace
from typing import TYPE_CHECKING

import nbformat
from nbval.plugin import IPyNbCell, nocolors  # type: ignore[import-untyped]  # nbval has no types

from bindery.notebooks.compare.outputs import drop_quiet_results, fold_outputs, pair_outputs, parts_of
from bindery.notebooks.compare.parts import IGNORED, compare_part, richest_first
from bindery.notebooks.results import Mismatch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbformat import NotebookNode

    from bindery.core import Json
    from bindery.notebooks.compare.cells import Output

# nbval's own list without the pictures, which it skips
_SKIPPED = ("metadata", "traceback", "prompt_number", "output_type", "name", "execution_count", "transient", *IGNORED)


class JudgedCell(IPyNbCell):  # type: ignore[misc]  # nbval has no types
    """A cell of nbval's that was executed elsewhere. After ``compare_outputs``, ``mismatches`` says what differs."""

    mismatches: tuple[Mismatch, ...]

    @classmethod
    def of(cls, source: str) -> JudgedCell:
        """Return a cell that can compare, and nothing else: it belongs to no pytest session."""
        cell: JudgedCell = object.__new__(cls)
        cell.parent = SimpleNamespace(skip_compare=_SKIPPED, sanitize_patterns={})
        cell.colors = nocolors
        cell.cell = SimpleNamespace(source=source)
        cell.mismatches = ()
        return cell

    def compare_outputs(
        self, test: Sequence[Output], ref: Sequence[Output], skip_compare: tuple[str, ...] | None = None
    ) -> bool:
        """Return whether the outputs are as referenced."""
        source: str = self.cell.source
        reference, actual = drop_quiet_results(source, fold_outputs(ref), fold_outputs(test))
        mismatches: list[Mismatch] = []
        remaining: list[Output] = []
        for expected, found in pair_outputs(reference, actual):
            differing = _compare_output(expected, found)
            mismatches += differing
            if found is not None:
                remaining.append(_settle(expected, found, {mismatch.part for mismatch in differing}))
        agreed: bool = super().compare_outputs(_nodes(remaining), _nodes(reference), skip_compare)
        if not agreed and not mismatches:
            why = " ".join("".join(self.comparison_traceback).split())
            mismatches.append(Mismatch(part="outputs", reason=f"nbval: {why}", reference=None, actual=None))
        self.mismatches = tuple(mismatches)
        return not mismatches

    def format_output_compare(self, key: str, left: object, right: object) -> None:
        """Note which kind of output differs; nbval would ask pytest to explain how."""
        del left, right
        self.comparison_traceback.append(f"{key} differs")


def compare_outputs(reference: Sequence[Output], actual: Sequence[Output], source: str) -> tuple[Mismatch, ...]:
    """Return what differs between the outputs of one cell, nothing if they are as referenced."""
    cell = JudgedCell.of(source)
    cell.compare_outputs(actual, reference)
    return cell.mismatches


def _compare_output(expected: Output | None, found: Output | None) -> list[Mismatch]:
    ours = parts_of(expected) if expected is not None else {}
    theirs = parts_of(found) if found is not None else {}
    if expected is None or found is None:
        return [_one_sided(ours or theirs, is_gone=found is None)]
    mismatches: list[Mismatch] = []
    for part in richest_first(frozenset(ours.keys() | theirs.keys()) - IGNORED):
        if part not in ours or part not in theirs:
            mismatches.append(_one_sided({part: (ours if part in ours else theirs)[part]}, is_gone=part in ours))
            continue
        difference = compare_part(part, ours[part], theirs[part])
        if difference is not None:
            mismatches.append(
                Mismatch(
                    part=part,
                    reason=difference.reason,
                    reference=_as_text(ours[part]),
                    actual=_as_text(theirs[part]),
                    picture=difference.picture,
                )
            )
    return mismatches


def _one_sided(parts: dict[str, Json], *, is_gone: bool) -> Mismatch:
    names = richest_first(frozenset(parts))
    part = names[0] if names else "outputs"
    value = _as_text(parts[part]) if names else None
    what = f"this output ({', '.join(names) or 'empty'})"
    return Mismatch(
        part=part,
        reason=f"{what} is gone" if is_gone else f"{what} is new: the reference has none",
        reference=value if is_gone else None,
        actual=None if is_gone else value,
    )


def _settle(expected: Output | None, found: Output, differing: set[str]) -> Output:
    """Return the reference's output with only what differs taken from the new one."""
    if expected is None or differing & {"stdout", "stderr", "error"}:
        return found
    ours, theirs = parts_of(expected), parts_of(found)
    if "data" not in expected:
        return expected
    kept = {part: value for part, value in ours.items() if part not in differing}
    return {**expected, "data": kept | {part: theirs[part] for part in differing & theirs.keys()}}


def _nodes(outputs: list[Output]) -> list[NotebookNode]:
    return [_node({**output, "data": _texts(output)} if "data" in output else output) for output in outputs]


def _texts(output: Output) -> Output:
    # nbval measures the length of what it shows, which numbers and null in JSON do not have
    return {part: _as_text(value) for part, value in parts_of(output).items()}


def _node(output: Output) -> NotebookNode:
    node: NotebookNode = nbformat.from_dict(copy.deepcopy(output))  # type: ignore[no-untyped-call]
    return node


def _as_text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False)
