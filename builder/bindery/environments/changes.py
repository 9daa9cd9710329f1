"""What differs between two lists of packages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from packaging.version import InvalidVersion, Version

from bindery.environments.package_lists import WHEELS_PLATFORM

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bindery.environments.package_lists import ListedPackage, PackageList

Kind = Literal["added", "removed", "changed", "rebuilt"]


@dataclass(frozen=True, kw_only=True, slots=True)
class PackageState:
    """What one side has; the build is empty unless it is all that differs."""

    version: str
    build: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PackageChange:
    """One difference, and the platforms on which it is the same; ``rebuilt`` is the same version in another file."""

    name: str
    kind: Kind
    before: PackageState | None
    after: PackageState | None
    platforms: tuple[str, ...]


def compare_packages(before: PackageList, after: PackageList) -> tuple[PackageChange, ...]:
    """Return the differences, sorted by name.

    If one list is of wheels and the other is not, they are compared by version alone, on the platform of the wheels:
    their files are never the same.
    """
    mixed = before.of_wheels != after.of_wheels
    old, new = (_by_place(side.packages, only_wheels_platform=mixed) for side in (before, after))
    grouped: dict[tuple[str, Kind, PackageState | None, PackageState | None], list[str]] = {}
    for place in sorted(old.keys() | new.keys()):
        name, platform = place
        kind = _kind(old.get(place), new.get(place), by_version_alone=mixed)
        if kind is not None:
            # Builds differ from platform to platform, and say something only where the version does not.
            was, now = (_state(side.get(place), with_build=kind == "rebuilt") for side in (old, new))
            grouped.setdefault((name, kind, was, now), []).append(platform)
    return tuple(
        PackageChange(name=name, kind=kind, before=was, after=now, platforms=tuple(platforms))
        for (name, kind, was, now), platforms in grouped.items()
    )


def _by_place(packages: Iterable[ListedPackage], *, only_wheels_platform: bool) -> dict[tuple[str, str], ListedPackage]:
    return {
        (package.name, package.platform): package
        for package in packages
        if not only_wheels_platform or package.platform == WHEELS_PLATFORM
    }


def _kind(before: ListedPackage | None, after: ListedPackage | None, *, by_version_alone: bool) -> Kind | None:
    if before is None:
        return "added"
    if after is None:
        return "removed"
    if not _is_same_version(before.version, after.version):
        return "changed"
    return None if by_version_alone or before.digest == after.digest else "rebuilt"


def _is_same_version(one: str, other: str) -> bool:
    if one == other:
        return True
    try:
        # conda-forge writes 2025.2 and PyPI 2025.02 for the same.
        return Version(one) == Version(other)
    except InvalidVersion:
        return False


def _state(package: ListedPackage | None, *, with_build: bool) -> PackageState | None:
    if package is None:
        return None
    return PackageState(version=package.version, build=package.build if with_build else "")
