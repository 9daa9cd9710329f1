"""``changes.md``: what changed since the last release, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bindery.environments.changes import compare_packages
from bindery.environments.package_lists import list_lock

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from bindery.environments.changes import PackageChange
    from bindery.environments.lockfile import Lock

_ENDINGS = ("added", "removed", "upgraded", "downgraded", "changed", "rebuilt")


def describe_first(title: str, lock: Lock, direct: Collection[str]) -> str:
    """Return the text of a first release: how many packages, and what was asked for by name."""
    counts = _join([f"{len(lock.packages_for(platform))} on {platform}" for platform in lock.platforms])
    versions: dict[str, list[str]] = {}
    for package in lock.packages:
        if package.name in direct and package.version not in versions.setdefault(package.name, []):
            versions[package.name].append(package.version)
    rows = [f"- {name} {' or '.join(versions[name])}" for name in sorted(versions)]
    return _page(title, f"This is the first release. Packages: {counts}.", [("Asked for by name", rows)])


def describe_rebuild(title: str, of: str) -> str:
    """Return the text of a rebuild."""
    return _page(title, f"This is a rebuild of {of} on a newer base: the same lock, the same packages.", [])


def describe_changes(title: str, since: str, before: Lock, after: Lock, direct: Collection[str]) -> str:
    """Return what changed between the locks; the packages that were asked for by name come first."""
    changes = compare_packages(list_lock(before, since), list_lock(after, title))
    platforms = set(before.platforms) | set(after.platforms)
    asked = [change for change in changes if change.name in direct]
    others = [change for change in changes if change.name not in direct]
    sections = [
        ("Asked for by name", _sentences(asked, platforms)),
        ("What these need", _sentences(others, platforms)),
    ]
    return _page(title, f"Since {since}: {count_changes(changes)}.{_platforms(before, after)}", sections)


def count_changes(changes: Sequence[PackageChange]) -> str:
    """Return how many packages changed, and how: ``3 packages added, 1 removed``."""
    names: dict[str, set[str]] = {ending: set() for ending in _ENDINGS}
    for change in changes:
        names[change.kind].add(change.name)
    counts = [f"{len(found)} {ending}" for ending, found in names.items() if found]
    if not counts:
        return "no package changed"
    first, _, rest = counts[0].partition(" ")
    return _join([f"{first} {'package' if first == '1' else 'packages'} {rest}", *counts[1:]])


def _sentences(changes: Sequence[PackageChange], platforms: Collection[str]) -> list[str]:
    """Return one line for each thing that happened to a package, with the platforms where they are not all of them."""
    happened: dict[str, list[str]] = {}
    for change in changes:
        happened.setdefault(_sentence(change), []).extend(change.platforms)
    return [
        f"- {said}{'' if set(where) >= set(platforms) else f' (on {_join(where)})'}" for said, where in happened.items()
    ]


def _sentence(change: PackageChange) -> str:
    if change.before is None:
        return f"{change.name} comes in{f', {change.after.version}' if change.after else ''}"
    if change.after is None:
        return f"{change.name} leaves, it was {change.before.version}"
    if change.kind == "rebuilt":
        # Builds have other names on each platform, and say little to people.
        return f"{change.name} {change.after.version} is another build"
    verb = {"upgraded": "goes up", "downgraded": "goes down"}.get(change.kind, "goes")
    return f"{change.name} {verb} from {change.before.version} to {change.after.version}"


def _platforms(before: Lock, after: Lock) -> str:
    new = [platform for platform in after.platforms if platform not in before.platforms]
    gone = [platform for platform in before.platforms if platform not in after.platforms]
    said = f" New platforms: {_join(new)}." if new else ""
    return said + (f" No longer for: {_join(gone)}." if gone else "")


def _join(words: Iterable[str]) -> str:
    listed = list(words)
    return listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} and {listed[-1]}" if listed else ""


def _page(title: str, summary: str, sections: Sequence[tuple[str, Sequence[str]]]) -> str:
    blocks = [f"# {title}", summary]
    for heading, rows in sections:
        if rows:
            blocks += [f"## {heading}", "\n".join(rows)]
    return "\n\n".join(blocks) + "\n"
