"""What the author of a cell asks for: nbval's own tags and comments.

=============================================  ==================================================================
tag, or a comment in the source                meaning
=============================================  ==================================================================
nbval-ignore-output, # NBVAL_IGNORE_OUTPUT     the outputs are not compared
nbval-check-output, # NBVAL_CHECK_OUTPUT       they are, whatever else is said
nbval-skip, # NBVAL_SKIP                       nothing is compared
raises-exception, nbval-raises-exception,      the cell is meant to raise; what it raises is compared
# NBVAL_RAISES_EXCEPTION
=============================================  ==================================================================

Where comment and tag disagree, the comment wins, as in nbval.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bindery.notebooks.compare.cells import Cell


@dataclass(frozen=True, kw_only=True, slots=True)
class Wishes:
    """What is asked for. ``not_compared`` says why the outputs are not compared, None if they are."""

    not_compared: str | None
    may_raise: bool


def read_wishes(cell: Cell) -> Wishes:
    """Return what the cell's tags and comments ask for."""
    # nbval brings pytest with it, which the other commands do not need
    from nbval.plugin import find_comment_markers, find_metadata_tags  # type: ignore[import-untyped]  # noqa: PLC0415

    with warnings.catch_warnings():  # nbval warns where two markers disagree; the later one wins
        warnings.simplefilter("ignore")
        asked: dict[str, bool] = dict(find_metadata_tags(cell.metadata))
        asked.update(find_comment_markers(cell.source))
    reason = None
    if asked.get("skip"):
        reason = "not compared: the cell is marked nbval-skip"
    elif not asked.get("check", True):
        reason = "not compared: the cell is marked nbval-ignore-output"
    elif "skip-execution" in cell.tags:
        reason = "not compared: the cell is marked skip-execution, so it was not executed"
    return Wishes(not_compared=reason, may_raise=asked.get("check_exception", False))
