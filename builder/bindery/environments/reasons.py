"""Why a package is not as it was, in words; for ``solver_worker``, where records are rattler's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import rattler

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Mapping, Sequence

ASKED = "asked for"
NOT_NEEDED = "nothing needs it any more"


class Reasons:
    """The old packages and the new ones by name, what the spec asks for, which packages were to be updated."""

    def __init__(
        self,
        before: Mapping[str, rattler.RepoDataRecord],
        after: Mapping[str, rattler.RepoDataRecord],
        specs: Sequence[str],
        updates: Iterable[str],
        exclude_newer: dt.datetime | None = None,
    ) -> None:
        self._before = before
        self._after = after
        self._specs = {name_of(spec): spec for spec in specs}
        self._updates = frozenset(updates)
        self._limit = exclude_newer
        self._changed = frozenset(
            name
            for name in before.keys() | after.keys()
            if name not in before or name not in after or not is_same(before[name], after[name])
        )

    def all(self) -> dict[str, str]:
        """Return the reason for each package that is not as it was, sorted by name."""
        return {name: self._reason(name) for name in sorted(self._changed)}

    def _reason(self, name: str) -> str:
        if name in self._updates:
            return ASKED
        if name not in self._after:
            return NOT_NEEDED
        if name not in self._before:
            return self._why_added(name)
        return (
            self._asked_otherwise(name)
            or self._needed_otherwise(name)
            or self._needs_otherwise(name)
            or self._too_new(name)
            or self._cannot_stay(name)
        )

    def _why_added(self, name: str) -> str:
        if name in self._specs:
            return ASKED
        # A package that is new itself, or moved, is the likelier reason than one that is as it was.
        needing = [
            (parent not in self._changed, parent, depend)
            for parent, record in self._after.items()
            for depend in record.depends
            if name_of(depend) == name
        ]
        if not needing:
            return "the solver added it"
        _, parent, depend = min(needing)
        return self._needs(parent, depend)

    def _asked_otherwise(self, name: str) -> str:
        spec = self._specs.get(name)
        if spec is None or self._before[name].matches(rattler.MatchSpec(spec)):
            return ""
        return f"the spec asks for {spec}"

    def _needed_otherwise(self, name: str) -> str:
        """Return what the old one was not good enough for."""
        old = self._before[name]
        for parent in sorted(self._after.keys() & self._changed):
            record = self._after[parent]
            for lines, verb in ((record.depends, "needs"), (record.constrains, "allows only")):
                for line in lines:
                    if name_of(line) == name and not old.matches(rattler.MatchSpec(line)):
                        return f"{parent} {record.version} {verb} {line}"
        return ""

    def _needs_otherwise(self, name: str) -> str:
        """Return what the old one needed and no longer has."""
        old = self._before[name]
        for lines, verb in ((old.depends, "needs"), (old.constrains, "allows only")):
            for line in lines:
                other = self._after.get(name_of(line))
                if other is not None and not other.matches(rattler.MatchSpec(line)):
                    what = f"{name} {old.version} ({old.build}) {verb} {line}"
                    return f"{what}, which is now {other.version} ({other.build})"
        return ""

    def _too_new(self, name: str) -> str:
        made = self._before[name].timestamp
        if self._limit is None or (made is not None and made <= self._limit):
            return ""
        return f"was made after {self._limit:%Y-%m-%d %H:%M:%S} UTC" if made else "nobody knows when it was made"

    def _cannot_stay(self, name: str) -> str:
        others = ", ".join(sorted((self._changed & self._after.keys()) - {name}))
        return f"cannot stay beside {others}" if others else "the channel has another one that the solver prefers"

    def _needs(self, parent: str, depend: str) -> str:
        return f"{parent} {self._after[parent].version} needs {depend}"


def name_of(line: str) -> str:
    """Return the package that a dependency or a line of a spec is about."""
    return line.split(" ", 1)[0].split("[", 1)[0].rpartition("::")[2].lower()


def is_same(one: rattler.RepoDataRecord, other: rattler.RepoDataRecord) -> bool:
    """Answer whether the two are the same file."""
    return one.file_name == other.file_name and one.sha256 == other.sha256
