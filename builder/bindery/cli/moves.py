"""Why packages moved that nobody named, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bindery.core import Json
    from bindery.environments import LockPlan

_VERBS = {"added": "came", "removed": "left"}
_NOT_WORTH_A_WORD = frozenset({"", "asked for"})


def explain_changes(plan: LockPlan) -> Iterator[str]:
    """Yield one sentence for each package that moved, came or left by itself, and for each that could not leave."""
    sentences: dict[str, None] = {}  # in order, and what is the same on several platforms once
    for change in plan.changes:
        why = plan.why(change)
        if why not in _NOT_WORTH_A_WORD:
            sentences[f"{change.name} {_VERBS.get(change.kind, 'moved')}: {why}"] = None
    yield from sentences
    for name, parent in plan.staying:
        yield f"{name} stays: {parent} needs it"


def reasons_as_json(plan: LockPlan) -> Json:
    """Return why each package is not as it was: by name, then by platform."""
    found: dict[str, dict[str, Json]] = {}
    for (name, platform), why in sorted(plan.reasons.items()):
        found.setdefault(name, {})[platform] = why
    return {name: dict(by_platform) for name, by_platform in found.items()}
