"""What differs between two lists of packages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bindery.environments.package_lists import WHEELS_PLATFORM
from bindery.environments.versions import compare_versions

if TYPE_CHECKING:
    from bindery.environments.lockfile import Manager
    from bindery.environments.package_lists import ListedPackage, PackageList

Kind = Literal["added", "removed", "upgraded", "downgraded", "changed", "rebuilt"]
_NEEDED_BY_PYTHON_PACKAGES = frozenset({"python", "python_abi"})


@dataclass(frozen=True, kw_only=True, slots=True)
class PackageState:
    """What one side has; the build is empty unless it is all that differs."""

    version: str
    build: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PackageChange:
    """One difference, and the platforms on which it is the same.

    ``rebuilt`` is the same version in another file; ``changed`` is another version where neither is known to be newer.
    ``is_direct``: a spec of either side asks for it by name.
    """

    name: str
    kind: Kind
    before: PackageState | None
    after: PackageState | None
    platforms: tuple[str, ...]
    manager: Manager = "conda"
    is_direct: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """How two lists differ. ``not_on_pypi`` are names that only conda's side has, since PyPI has no such thing."""

    before: PackageList
    after: PackageList
    changes: tuple[PackageChange, ...]
    not_on_pypi: tuple[str, ...]


def compare_lists(before: PackageList, after: PackageList) -> Comparison:
    """Return the differences; between wheels and conda's packages without those that PyPI cannot have."""
    changes = compare_packages(before, after)
    if before.of_wheels == after.of_wheels:
        return Comparison(before=before, after=after, changes=changes, not_on_pypi=())
    conda_side = before if after.of_wheels else after
    missing = _not_on_pypi(conda_side, {change.name for change in changes if not (change.before and change.after)})
    return Comparison(
        before=before,
        after=after,
        changes=tuple(change for change in changes if change.name not in missing),
        not_on_pypi=tuple(sorted(missing)),
    )


def compare_packages(before: PackageList, after: PackageList) -> tuple[PackageChange, ...]:
    """Return the differences: direct dependencies first, then by name.

    If one list is of wheels and the other is not, they are compared by version alone, on the platform of the wheels:
    their files are never the same.
    """
    mixed = before.of_wheels != after.of_wheels
    old, new = (_by_place(side, mixed=mixed) for side in (before, after))
    direct = before.direct | after.direct
    grouped: dict[tuple[str, Manager, Kind, PackageState | None, PackageState | None], list[str]] = {}
    for place in sorted(old.keys() | new.keys()):
        name, manager, platform = place
        kind = _kind(old.get(place), new.get(place), by_version_alone=mixed)
        if kind is not None:
            # Builds differ from platform to platform, and say something only where the version does not.
            was, now = (_state(side.get(place), with_build=kind == "rebuilt") for side in (old, new))
            grouped.setdefault((name, manager, kind, was, now), []).append(platform)
    changes = (
        PackageChange(
            name=name,
            kind=kind,
            before=was,
            after=now,
            platforms=tuple(platforms),
            manager=manager,
            is_direct=name in direct,
        )
        for (name, manager, kind, was, now), platforms in grouped.items()
    )
    return tuple(sorted(changes, key=lambda change: not change.is_direct))


def _by_place(side: PackageList, *, mixed: bool) -> dict[tuple[str, Manager, str], ListedPackage]:
    if not mixed:
        return {(package.name, package.manager, package.platform): package for package in side.packages}
    # Wheels are only compared by callers that have read some.
    from bindery.environments.wheels.names import conda_name  # noqa: PLC0415

    return {
        (package.name if package.manager == "conda" else conda_name(package.name), "conda", WHEELS_PLATFORM): package
        for package in side.packages
        if package.platform == WHEELS_PLATFORM
    }


def _kind(before: ListedPackage | None, after: ListedPackage | None, *, by_version_alone: bool) -> Kind | None:
    if before is None:
        return "added"
    if after is None:
        return "removed"
    if before.version == after.version and before.digest == after.digest:
        return None
    order = compare_versions(after.version, before.version)
    if order is None:
        return "changed"
    if order:
        return "upgraded" if order > 0 else "downgraded"
    # conda-forge writes 2025.2 and PyPI 2025.02 for the same.
    return None if by_version_alone or before.digest == after.digest else "rebuilt"


def _not_on_pypi(conda_side: PackageList, names: set[str]) -> set[str]:
    from bindery.environments.wheels.names import METAPACKAGES, pypi_name  # noqa: PLC0415 - see _by_place

    stood_for = {meta.name for meta in METAPACKAGES}
    return {
        package.name
        for package in conda_side.packages
        if package.name in names
        and (
            # What does not need Python is no Python package: a library, a compiler's run time, data.
            all(needed not in _NEEDED_BY_PYTHON_PACKAGES for needed, _ in package.dependencies)
            or package.name in stood_for
            or pypi_name(package.name) is None
        )
    }


def _state(package: ListedPackage | None, *, with_build: bool) -> PackageState | None:
    if package is None:
        return None
    return PackageState(version=package.version, build=package.build if with_build else "")
