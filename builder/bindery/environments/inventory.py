"""A lock in numbers: packages, categories, sizes, licences."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from bindery.core import NOARCH, parse_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from bindery.core import Json, Store
    from bindery.environments.lockfile import Lock, LockedPackage

WHEEL_CHANNELS = "https://wheels.invalid/"


@dataclass(frozen=True, kw_only=True, slots=True)
class PackageFacts:
    """What this machine's store knows of a package; None where it knows nothing. Sizes are in bytes."""

    archive_bytes: int | None = None
    installed_bytes: int | None = None
    licence: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Sum:
    """A sum of sizes, and of how many packages it is known."""

    size_bytes: int
    known: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PlatformInventory:
    """One platform of a lock, counted. ``licences`` are the most frequent first; None stands for not known."""

    platform: str
    packages: int
    noarch: int
    pip: int
    categories: tuple[tuple[str, int], ...]
    archives: Sum
    installed: Sum
    licences: tuple[tuple[str | None, int], ...]


def count_packages(lock: Lock, store: Store) -> tuple[PlatformInventory, ...]:
    """Return every platform of the lock, counted; a package of several categories counts once in each of them."""
    facts = read_facts(lock.packages, store)
    return tuple(
        _count(platform, [package for package in lock.packages if package.platform == platform], facts)
        for platform in lock.platforms
    )


def read_facts(packages: Iterable[LockedPackage], store: Store) -> Mapping[str, PackageFacts]:
    """Return what the store knows of each package, by its URL. Nothing is fetched."""
    records = cache(_channel_records)
    return {package.url: _facts(package, store, records(package.channel_url, store)) for package in packages}


def _count(platform: str, packages: list[LockedPackage], facts: Mapping[str, PackageFacts]) -> PlatformInventory:
    once = {package.key: package for package in packages}.values()
    known = [facts[package.url] for package in once]
    licences = Counter(one.licence for one in known)
    return PlatformInventory(
        platform=platform,
        packages=len(once),
        noarch=sum(package.subdir == NOARCH for package in once),
        pip=sum(package.manager == "pip" for package in once),
        categories=tuple(sorted(Counter(package.category for package in packages).items())),
        archives=_sum(one.archive_bytes for one in known),
        installed=_sum(one.installed_bytes for one in known),
        licences=tuple(sorted(licences.items(), key=lambda pair: (pair[0] is None, -pair[1], pair[0] or ""))),
    )


def _sum(sizes: Iterable[int | None]) -> Sum:
    known = [size for size in sizes if size is not None]
    return Sum(size_bytes=sum(known), known=len(known))


def _facts(package: LockedPackage, store: Store, records: Mapping[str, Mapping[str, Json]]) -> PackageFacts:
    stem = package.file_name.removesuffix(".conda").removesuffix(".tar.bz2")
    info = store.root / "packages" / stem / "info"
    record = records.get(package.sha256.hex, {})
    # The cache's folders are named by name, version and build, which a package of one channel has alone.
    index = _read_object(info / "index.json") if package.manager == "conda" else {}
    archive = record.get("size")
    licence = record.get("license") or index.get("license")
    return PackageFacts(
        archive_bytes=archive if isinstance(archive, int) else None,
        installed_bytes=_installed_bytes(info / "paths.json") if index else None,
        licence=_one_line(licence) if isinstance(licence, str) and licence else None,
    )


def _channel_records(channel_url: str, store: Store) -> Mapping[str, Mapping[str, Json]]:
    """Return the records of a channel that this machine made, by SHA-256."""
    if not channel_url.startswith(WHEEL_CHANNELS):
        return {}
    found: dict[str, Mapping[str, Json]] = {}
    for path in (store.root / "channels" / channel_url.rpartition("/")[2]).glob("*/repodata.json"):
        packages = _read_object(path).get("packages.conda")
        for record in packages.values() if isinstance(packages, dict) else ():
            if isinstance(record, dict) and isinstance(record.get("sha256"), str):
                found[str(record["sha256"])] = record
    return found


def _installed_bytes(path: Path) -> int | None:
    paths = _read_object(path).get("paths")
    if not isinstance(paths, list):
        return None
    sizes = [entry.get("size_in_bytes") for entry in paths if isinstance(entry, dict)]
    return sum(size for size in sizes if isinstance(size, int))


def _read_object(path: Path) -> Mapping[str, Json]:
    # What cannot be read is not known: somebody may be writing or cleaning the cache.
    try:
        document = parse_json(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def _one_line(licence: str) -> str:
    # PyPI's field may hold a whole licence, or nothing but its first sentence.
    words = licence.split()
    return " ".join(words) if len(words) <= 8 else " ".join(words[:8]) + " …"
