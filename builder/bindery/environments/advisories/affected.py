"""Lock and advisories → affected packages, each with the smallest update that leaves its advisories behind."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cmp_to_key
from typing import TYPE_CHECKING, TypeAlias

from packaging.utils import canonicalize_name

from bindery.environments.advisories.ranges import UnorderedError, compare, is_affected

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bindery.environments.advisories.values import Advisory, Order, Subject
    from bindery.environments.lockfile import Lock, LockedPackage, Manager

_Candidate: TypeAlias = "tuple[Subject, Order, str]"
_PYTHON = frozenset({"python", "python_abi"})


@dataclass(frozen=True, kw_only=True, slots=True)
class AffectedPackage:
    """A package with known faults, on the platforms where it has this version.

    ``undecided`` are advisories whose ranges and this version cannot be ordered. ``subjects`` is what all advisories
    say of the package, those too that are not about this version. ``named_update`` is the smallest newer version that
    they name and none of them is about, whether anybody has it or not; None if they name none.
    """

    name: str
    manager: Manager
    version: str
    platforms: tuple[str, ...]
    advisories: tuple[Advisory, ...]
    undecided: tuple[Advisory, ...]
    subjects: tuple[Subject, ...]
    named_update: str | None

    def is_free(self, version: str) -> bool:
        """Answer whether it is certain that none of the advisories is about this version of the package."""
        return all(is_affected(subject, version) is False for subject in self.subjects)


def find_affected(lock: Lock, advisories: Iterable[Advisory]) -> tuple[AffectedPackage, ...]:
    """Return the affected packages, sorted by name.

    Packages of conda are also looked up under the name that PyPI has for them, if they are Python packages.
    """
    subjects: dict[tuple[str, str], list[tuple[Advisory, Subject]]] = {}
    for advisory in advisories:
        for subject in advisory.subjects:
            name = canonicalize_name(subject.name) if subject.ecosystem == "pypi" else subject.name.lower()
            subjects.setdefault((subject.ecosystem, name), []).append((advisory, subject))
    platforms: dict[tuple[str, Manager, str], list[str]] = {}
    examples: dict[tuple[str, Manager, str], LockedPackage] = {}
    for package in lock.packages:
        state = (package.name, package.manager, package.version)
        examples.setdefault(state, package)
        if package.platform not in platforms.setdefault(state, []):
            platforms[state].append(package.platform)
    found = (_judge(examples[state], tuple(platforms[state]), subjects) for state in sorted(examples))
    return tuple(one for one in found if one is not None)


def _judge(
    package: LockedPackage,
    platforms: tuple[str, ...],
    subjects: Mapping[tuple[str, str], list[tuple[Advisory, Subject]]],
) -> AffectedPackage | None:
    pairs = [pair for name in _names(package) for pair in subjects.get(name, ())]
    answers = [(advisory, is_affected(subject, package.version)) for advisory, subject in pairs]
    affecting = {advisory.id: advisory for advisory, answer in answers if answer}
    undecided = {advisory.id: advisory for advisory, answer in answers if answer is None}
    if not affecting and not undecided:
        return None
    subjects_of_it = tuple(subject for _, subject in pairs)
    return AffectedPackage(
        name=package.name,
        manager=package.manager,
        version=package.version,
        platforms=platforms,
        advisories=tuple(affecting.values()),
        undecided=tuple(undecided[key] for key in undecided if key not in affecting),
        subjects=subjects_of_it,
        named_update=_smallest_named(package.version, subjects_of_it),
    )


def _names(package: LockedPackage) -> list[tuple[str, str]]:
    if package.manager == "pip":
        return [("pypi", canonicalize_name(package.name))]
    names = [("conda", package.name)]
    # A library may have the name of another project on PyPI; a package that needs Python has its own.
    if any(needed in _PYTHON for needed, _ in package.dependencies):
        from bindery.environments.wheels.names import pypi_names  # noqa: PLC0415 - wheels bring much else

        names += [("pypi", name) for name in pypi_names(package.name)]
    return names


def _smallest_named(version: str, subjects: tuple[Subject, ...]) -> str | None:
    candidates: list[_Candidate] = [
        (subject, one.order, event.version)
        for subject in subjects
        for one in subject.ranges
        for event in one.events
        if event.kind == "fixed"
    ]
    try:
        newer = [one for one in candidates if compare(*one, version) > 0]
        ordered = sorted(newer, key=cmp_to_key(_compare_candidates))
    except UnorderedError:
        return None
    fits = (found for _, _, found in ordered if all(is_affected(subject, found) is False for subject in subjects))
    return next(fits, None)


def _compare_candidates(one: _Candidate, other: _Candidate) -> int:
    return compare(*one, other[2])
