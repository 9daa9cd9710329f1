"""What a channel's record depends on, as conda-lock writes it into a lock."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bindery.environments.lockfile import Pairs

_PART = r"(?:>=|<=|!=|~=|>|<)?[0-9a-z*][0-9A-Za-z_.*!+]*"
_EASY = re.compile(
    rf"(?P<name>[a-z0-9_][a-z0-9_.-]*)(?: (?:==(?P<exact>[0-9][0-9A-Za-z_.]*)|(?P<range>{_PART}(?:[,|]{_PART})*))"
    r"(?P<build> [A-Za-z0-9_.*]+)?)?"
)
_BOUND = re.compile(r"(?:>=|<=|>|<)[0-9]+(?:\.[0-9]+)*")


def merge_depends(depends: Iterable[str]) -> Pairs:
    """Return pairs of a name and a version range; build strings are left out, several ranges of one name are joined."""
    by_name: dict[str, list[str]] = {}
    for depend in depends:
        match = _EASY.fullmatch(depend)
        name = match["name"] if match else depend.split(" ", 1)[0].rpartition("::")[2]
        by_name.setdefault(name, []).append(depend)
    return tuple(_merge(name, lines) for name, lines in by_name.items())


def _merge(name: str, lines: list[str]) -> tuple[str, str]:
    match = _EASY.fullmatch(lines[0])
    if len(lines) == 1 and match:
        if match["exact"]:
            # So does conda's MatchSpec: an exact version loses its operator, but not beside a build.
            return name, f"=={match['exact']}" if match["build"] else match["exact"]
        return name, match["range"] or ""
    bounds = {line.removeprefix(f"{name} ") for line in lines}
    if len(lines) == len(bounds) == 2 and all(map(_BOUND.fullmatch, bounds - {name})):
        return name, ",".join(sorted(bounds - {name}))
    # Two seconds, for what about one record in ten thousand has.
    from conda_lock.interfaces.vendored_conda import MatchSpec  # noqa: PLC0415

    merged = MatchSpec.merge(lines)[0]  # type: ignore[no-untyped-call]  # vendored from conda without annotations
    return str(merged.name), "" if merged.version is None else str(merged.version.spec_str)
