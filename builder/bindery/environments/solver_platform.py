"""One platform's solves with rattler; used in the process of ``solver_worker`` only."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import rattler
from rattler.exceptions import SolverError

from bindery.environments.reasons import Reasons, is_same, name_of
from bindery.environments.smallest import find_smallest

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Mapping, Sequence


class NoUpdateError(Exception):
    """An update to a version that the channels do not have, or that leaves no solution."""


Records = dict[str, rattler.RepoDataRecord]
"""Records by their packages' names."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sources:
    """Where records come from: channels in their order, a gateway to them, and which records do not count."""

    channels: Sequence[rattler.Channel]
    gateway: rattler.Gateway
    priority: rattler.ChannelPriority
    exclude_newer: dt.datetime | None

    async def records(self, platform: str, names: Iterable[str]) -> list[rattler.RepoDataRecord]:
        """Return all records of these names."""
        wanted = sorted(set(names))
        if not wanted:
            return []
        found = await self.gateway.query(self.channels, subdirs(platform), wanted, recursive=False)
        return [record for records in found for record in records]


@dataclass(frozen=True, kw_only=True, slots=True)
class Solved:
    """The chosen records, and why those that changed did."""

    records: Records
    reasons: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class PlatformSolver:
    """What is asked for on a platform, what the machine is taken to have, and packages to prefer."""

    sources: Sources
    platform: str
    specs: tuple[str, ...]
    virtual: tuple[rattler.GenericVirtualPackage, ...]

    async def solve(self, *, prefer: Iterable[rattler.RepoDataRecord] = ()) -> Solved:
        """Return a solution that has the preferred packages where that is easy.

        Raises:
            SolverError: there is no solution.

        """
        return Solved(records=await self._solve(prefer=prefer))

    async def change(self, before: Records, updates: Sequence[str]) -> Solved:
        """Return the solution that brings the updates to their newest and keeps most of what was there before.

        An update is a name, or a name and the range that its newest is to be in.

        Raises:
            SolverError: there is no solution.
            NoUpdateError: there is none with an update in the range that it has.

        """
        targets: list[str] = []
        moving: set[str] = set()
        best: Records | None = None
        for update in updates:
            name = name_of(update)
            for target in await self._newer(update, before[name]):
                found = await self._try([*targets, target], prefer=_without(before, {*moving, name}))
                if found is not None:
                    targets.append(target)
                    moving.add(name)
                    best = found
                    break
            else:
                if name != update and not await self._is_passed(update, before[name]):
                    raise NoUpdateError(update)
        kept = _without(before, moving)
        if best is None:
            best = await self._solve(prefer=kept.values())

        async def conflict(pinned: frozenset[str]) -> frozenset[str] | None:
            pins = {name: kept[name] for name in pinned}
            try:
                await self._solve(targets, pin=pins.values(), prefer=_without(kept, pinned).values())
            except SolverError as error:
                return pinned & _words(str(error))
            return None

        hopeless = await self._hopeless(kept, targets)
        moved = frozenset(name for name, old in kept.items() if name not in best or not is_same(old, best[name]))
        freed = hopeless | await find_smallest(frozenset(kept) - hopeless, conflict, moved - hopeless)
        after = await self._solve(targets, pin=_without(kept, freed).values())
        reasons = Reasons(before, after, self.specs, moving, self.sources.exclude_newer)
        return Solved(records=after, reasons=reasons.all())

    async def fits(self, line: str, before: Records) -> bool:
        """Answer whether there is a solution with this line beside the spec, whatever else has to move."""
        return await self._try([line], prefer=_without(before, {name_of(line)})) is not None

    async def _hopeless(self, kept: Records, targets: Sequence[str]) -> frozenset[str]:
        """Return packages that are in no solution: they need what is asked for to be something else.

        The search would find them too, one by one: with another Python that is half of all packages.
        """
        asked = [rattler.MatchSpec(spec) for spec in (*self.specs, *targets)]
        decided = {name_of(target) for target in targets}
        decided |= {name for name, record in kept.items() if not _is_met(record, name, asked)}
        possible: dict[str, list[rattler.RepoDataRecord]] = {name: [] for name in decided}
        for record in await self.sources.records(self.platform, decided):
            if _is_met(record, record.name.normalized, asked):
                possible[record.name.normalized].append(record)
        lines = {line for record in kept.values() for line in record.depends if name_of(line) in decided}
        unmet = {
            line for line in lines if not any(one.matches(rattler.MatchSpec(line)) for one in possible[name_of(line)])
        }
        return frozenset(name for name, record in kept.items() if unmet.intersection(record.depends))

    async def _newer(self, update: str, old: rattler.RepoDataRecord) -> list[str]:
        """Return specs for what is newer than the package was, the newest first."""
        name = name_of(update)
        asked = [rattler.MatchSpec(spec) for spec in (*self.specs, update) if name_of(spec) == name]
        limit = self.sources.exclude_newer
        found = {
            (record.version, record.build_number)
            for record in await self.sources.records(self.platform, [name])
            if (record.version, record.build_number) > (old.version, old.build_number)
            and all(record.matches(spec) for spec in asked)
            and (limit is None or (record.timestamp is not None and record.timestamp <= limit))
        }
        return [
            f"{name}[version='=={version}',build_number='{build}']" for version, build in sorted(found, reverse=True)
        ]

    async def _is_passed(self, update: str, old: rattler.RepoDataRecord) -> bool:
        """Answer whether the package is in the update's range already, or beyond it."""
        wanted = rattler.MatchSpec(update)
        records = await self.sources.records(self.platform, [name_of(update)])
        in_range = [record.version for record in records if record.matches(wanted)]
        return old.matches(wanted) or (bool(in_range) and max(in_range) < old.version)

    async def _try(self, targets: Sequence[str], prefer: Records) -> Records | None:
        try:
            return await self._solve(targets, prefer=prefer.values())
        except SolverError:
            return None

    async def _solve(
        self,
        targets: Sequence[str] = (),
        *,
        pin: Iterable[rattler.RepoDataRecord] = (),
        prefer: Iterable[rattler.RepoDataRecord] = (),
    ) -> Records:
        solved = await rattler.solve(
            self.sources.channels,
            [
                *(rattler.MatchSpec(spec, strict=True) for spec in self.specs),
                *(rattler.MatchSpec(spec) for spec in targets),
            ],
            gateway=self.sources.gateway,
            platforms=subdirs(self.platform),
            locked_packages=list(prefer),
            pinned_packages=list(pin),
            virtual_packages=self.virtual,
            channel_priority=self.sources.priority,
            exclude_newer=self.sources.exclude_newer,
        )
        return {record.name.normalized: record for record in solved}


def subdirs(platform: str) -> list[rattler.Subdir]:
    """Return the folders of a channel that have packages for the platform."""
    return [rattler.Subdir(platform), rattler.Subdir("noarch")]


def _is_met(record: rattler.RepoDataRecord, name: str, asked: Sequence[rattler.MatchSpec]) -> bool:
    """Answer whether the record is what is asked for under its name."""
    return all(record.matches(spec) for spec in asked if str(spec.name.normalized) == name)


def _without(records: Records, names: Iterable[str]) -> Records:
    left = set(names)
    return {name: record for name, record in records.items() if name not in left}


def _words(text: str) -> frozenset[str]:
    # The solver draws its explanation as a tree of sentences; the names of packages stand in it as words.
    return frozenset(word.strip(",.") for word in text.replace(os.linesep, " ").split())
