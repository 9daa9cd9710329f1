"""Releases: what was published, in folders that never change.

``releases/<YYYY.MM.DD>/`` is an environment's folder of its own, from which alone the release can be installed: the
lock, what people had asked for, the pins of wheels; and ``release.json``: what was made from it and how it fared.
``releases/releases.json`` lists the releases, each with the digest of its ``release.json``, and is the only file in
which anything about a release may change: that it was withdrawn, and why.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bindery.core import BadInput, digest_bytes, digest_file, inner_path, write_file
from bindery.environments.environment import LOCK_NAME, Environment, find_environment
from bindery.environments.lockfile import read_lock
from bindery.environments.release_format import (
    INDEX_NAME,
    LOWER_FOLDER,
    RELEASE_NAME,
    IndexEntry,
    encode_index,
    parse_index,
    parse_release,
)

if TYPE_CHECKING:
    from pathlib import Path

    from bindery.core import Settings
    from bindery.environments.lockfile import Lock
    from bindery.environments.release_format import Release, Withdrawal

_VERSION = re.compile(r"(\d{4})\.(\d{2})\.(\d{2})(?:-([1-9]\d*))?")


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedRelease:
    """A release, its entry in the list, and its folder."""

    release: Release
    entry: IndexEntry
    folder: Path


def read_index(environment: Environment) -> tuple[IndexEntry, ...]:
    """Return the environment's releases, oldest first; none if there is no list.

    Raises:
        BadInput: the list cannot be read.

    """
    path = environment.releases_folder / INDEX_NAME
    return parse_index(path.read_bytes(), str(path), environment.name) if path.is_file() else ()


def find_release(environment: Environment, version: str) -> PublishedRelease:
    """Return the release, after checking that its files are those that were published.

    Raises:
        BadInput: there is no such release, or a file of it has changed.

    """
    entries = {entry.version: entry for entry in read_index(environment)}
    if version not in entries:
        known = ", ".join(entries) or "none"
        raise BadInput(
            f"there is no release {version} of {environment.name}", str(environment.releases_folder), f"known: {known}"
        )
    return _read_release(environment, entries[version])


def list_releases(environment: Environment) -> tuple[PublishedRelease, ...]:
    """Return all releases of the environment, oldest first, each checked.

    Raises:
        BadInput: one cannot be read, or a file of it has changed.

    """
    return tuple(_read_release(environment, entry) for entry in read_index(environment))


def find_installable(settings: Settings, target: str) -> Environment:
    """Return the environment ``pangeo`` as it is now, or the release ``pangeo@2025.08.14`` from its own folder alone.

    Raises:
        BadInput: there is no such environment or release, or a file of the release has changed.

    """
    name, at, version = target.partition("@")
    environment = find_environment(settings, name)
    return released_environment(find_release(environment, version)) if at else environment


def released_environment(published: PublishedRelease) -> Environment:
    """Return the release as an environment: nothing outside of its folder is part of it."""
    release, folder = published.release, published.folder
    lower = (inner_path(name, str(folder / RELEASE_NAME)) for name in release.extends)
    without = dict(release.without)
    return Environment(
        name=release.environment,
        folder=folder,
        extends=tuple(
            Environment(name=str(name), folder=folder / LOWER_FOLDER / name, without=without.get(str(name), ()))
            for name in lower
        ),
        release=release.version,
        fork_of=release.fork_of,
        without=without.get(release.environment, ()),
    )


def withdraw_release(environment: Environment, version: str, withdrawal: Withdrawal) -> None:
    """Mark the release as withdrawn; its folder stays as it is.

    Raises:
        BadInput: there is no such release, it was withdrawn before, or what to use instead is not there or no better.

    """
    entry = find_release(environment, version).entry
    where = f"{environment.name}@{version}"
    if entry.withdrawn is not None:
        raise BadInput(f"was withdrawn already, on {entry.withdrawn.date}: {entry.withdrawn.reason}", where)
    if withdrawal.instead is not None:
        other = find_release(environment, withdrawal.instead).entry
        if other == entry or other.withdrawn is not None:
            raise BadInput(
                f"cannot be replaced by {withdrawal.instead}, which {'it is' if other == entry else 'is withdrawn'}",
                where,
                "name a release that people can use, or leave --instead out",
            )
    marked = replace(entry, withdrawn=withdrawal)
    write_index(environment, tuple(marked if other == entry else other for other in read_index(environment)))


def parse_version(version: str, where: str) -> dt.date:
    """Return the date that the version is: ``2026.11.22``, or ``2026.11.22-1`` for a rebuild.

    Raises:
        BadInput: it is not such a version.

    """
    match = _VERSION.fullmatch(version)
    try:
        if match:
            return dt.date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        pass
    raise BadInput(f"{version} is no version of a release", where, "write a date: 2026.11.22, or 2026.11.22-1")


def write_index(environment: Environment, entries: tuple[IndexEntry, ...]) -> None:
    """Have the environment's list name these releases, sorted by age.

    Raises:
        ToolFailed: the disk is full or cannot be written.

    """
    ordered = tuple(sorted(entries, key=lambda entry: version_age(entry.version)))
    write_file(environment.releases_folder / INDEX_NAME, encode_index(ordered, environment.name))


def version_age(version: str) -> tuple[str, int]:
    """Return what sorts versions by their age: the date, and the number of the rebuild (0 if it is none)."""
    date, _, rebuild = version.partition("-")
    return date, int(rebuild or 0)


def _read_release(environment: Environment, entry: IndexEntry) -> PublishedRelease:
    folder = environment.releases_folder / entry.version
    path = folder / RELEASE_NAME
    fix = f"git restore {folder}"
    if not path.is_file():
        raise BadInput("the released file is not there", str(path), fix)
    data = path.read_bytes()
    if digest_bytes(data) != entry.digest:
        raise BadInput("the released file has changed", str(path), fix)
    release = parse_release(data, str(path))
    for name, digest in release.files:
        if not (folder / name).is_file():
            raise BadInput("the released file is not there", str(folder / name), fix)
        if digest_file(folder / name) != digest:
            raise BadInput("the released file has changed", str(folder / name), fix)
    known = {RELEASE_NAME, *(name for name, _ in release.files)}
    for found in sorted(folder.rglob("*")):
        if found.is_file() and found.relative_to(folder).as_posix() not in known:
            raise BadInput("the file was not released", str(found), "remove it: a release never changes")
    return PublishedRelease(release=release, entry=entry, folder=folder)


def release_of(environment: Environment, lock: Lock, platform: str) -> str | None:
    """Return the newest release, not withdrawn, with the same packages on the platform; None if there is none.

    Raises:
        BadInput: a release cannot be read, or a file of it has changed.

    """
    return next((one.version for one in _entries_with(environment, lock, platform) if one.withdrawn is None), None)


def withdrawal_of(environment: Environment, lock: Lock, platform: str) -> tuple[str, Withdrawal] | None:
    """Return the withdrawn release that the lock is on the platform, and why; None if it is none, or a good one, too.

    Raises:
        BadInput: a release cannot be read, or a file of it has changed.

    """
    entries = _entries_with(environment, lock, platform)
    if not entries or any(entry.withdrawn is None for entry in entries):
        return None
    newest = entries[0]
    return (newest.version, newest.withdrawn) if newest.withdrawn else None


def _entries_with(environment: Environment, lock: Lock, platform: str) -> tuple[IndexEntry, ...]:
    digest = lock.digest(platform)
    return tuple(
        published.entry
        for published in reversed(list_releases(environment))
        if any(locked.platform == platform and locked.digest == digest for locked in published.release.locks)
    )


def read_released_lock(published: PublishedRelease) -> Lock:
    """Return the lock of the release.

    Raises:
        BadInput: it cannot be read.

    """
    return read_lock(published.folder / LOCK_NAME)
