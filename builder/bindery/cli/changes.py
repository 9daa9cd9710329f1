"""Changes of packages, as ``lock`` and ``diff`` show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bindery.cli.tables import print_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bindery.core import Json
    from bindery.environments import PackageChange, PackageState


def print_changes(changes: Sequence[PackageChange], platforms: int) -> None:
    """Print one row a change; the platforms only where they are not all of them."""
    rows = [
        (
            change.name,
            change.kind,
            _version(change.before, change),
            _version(change.after, change),
            "" if len(change.platforms) == platforms else ", ".join(change.platforms),
        )
        for change in changes
    ]
    print_table(("package", "change", "before", "after", "only on"), rows)


def changes_as_json(changes: Sequence[PackageChange]) -> list[Json]:
    """Return the changes as JSON."""
    return [
        {
            "name": change.name,
            "kind": change.kind,
            "before": _state(change.before),
            "after": _state(change.after),
            "platforms": list(change.platforms),
        }
        for change in changes
    ]


def _version(state: PackageState | None, change: PackageChange) -> str:
    if state is None:
        return "-"
    return f"{state.version} {state.build}".rstrip() if change.kind == "rebuilt" else state.version


def _state(state: PackageState | None) -> Json:
    return None if state is None else {"version": state.version, "build": state.build}
