"""Changes of packages, as ``lock``, ``diff`` and others show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bindery.cli.tables import markdown_table, print_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bindery.core import Json
    from bindery.environments import HistoryEntry, PackageChange, PackageState

HEADINGS = ("package", "change", "before", "after", "only on")
_KINDS = ("added", "removed", "upgraded", "downgraded", "changed", "rebuilt")


def print_changes(changes: Sequence[PackageChange], platforms: int, *, markdown: bool = False) -> None:
    """Print one row a change, direct dependencies in bold; the platforms only where they are not all of them."""
    rows = [
        (
            change.name if change.manager == "conda" else f"{change.name} (pip)",
            change.kind,
            _version(change.before, change),
            _version(change.after, change),
            "" if len(change.platforms) == platforms else ", ".join(change.platforms),
        )
        for change in changes
    ]
    bold = {index for index, change in enumerate(changes) if change.is_direct}
    if markdown:
        click.echo(markdown_table(HEADINGS, rows, bold), nl=False)
    else:
        print_table(HEADINGS, rows, bold)


def print_history(entries: Sequence[HistoryEntry]) -> None:
    """Print one row for each change of each release; the platforms are always named."""
    rows = [
        (
            entry.environment,
            _release(entry),
            entry.date.isoformat() if entry.date else "-",
            change.kind,
            _version(change.before, change),
            _version(change.after, change),
            ", ".join(change.platforms),
        )
        for entry in entries
        for change in entry.changes
    ]
    print_table(("environment", "release", "date", "change", "before", "after", "on"), rows)


def count_changes(changes: Sequence[PackageChange]) -> str:
    """Return the changes in numbers: ``12 upgraded, 1 added``; a package counts once for each way it changed."""
    names = {kind: {(change.name, change.manager) for change in changes if change.kind == kind} for kind in _KINDS}
    return ", ".join(f"{len(found)} {kind}" for kind, found in names.items() if found) or "nothing changed"


def changes_as_json(changes: Sequence[PackageChange]) -> list[Json]:
    """Return the changes as JSON."""
    return [
        {
            "name": change.name,
            "manager": change.manager,
            "kind": change.kind,
            "direct": change.is_direct,
            "before": _state(change.before),
            "after": _state(change.after),
            "platforms": list(change.platforms),
        }
        for change in changes
    ]


def _release(entry: HistoryEntry) -> str:
    name = entry.release or "not released"
    return f"{name} (withdrawn: {entry.withdrawn})" if entry.withdrawn else name


def _version(state: PackageState | None, change: PackageChange) -> str:
    if state is None:
        return "-"
    return f"{state.version} {state.build}".rstrip() if change.kind == "rebuilt" else state.version


def _state(state: PackageState | None) -> Json:
    return None if state is None else {"version": state.version, "build": state.build}
