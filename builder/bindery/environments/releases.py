"""Releases: what was published, in folders that never change.

``releases/<YYYY.MM.DD>/`` holds the lock, and ``release.json``, which says what was made from it and how it fared.
``releases/releases.json`` lists the releases, each with the digest of its ``release.json``, and is the only file in
which anything about a release may change: that it was withdrawn, and why.
"""

from __future__ import annotations

import datetime as dt
import re
import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bindery.core import BadInput, digest_bytes, digest_file, remove_tree, write_file
from bindery.environments.environment import LOCK_NAME
from bindery.environments.lockfile import encode_lock, read_lock
from bindery.environments.release_format import (
    INDEX_NAME,
    RELEASE_NAME,
    IndexEntry,
    LockedPlatform,
    Release,
    encode_index,
    encode_release,
    parse_index,
    parse_release,
)

if TYPE_CHECKING:
    from pathlib import Path

    from bindery.environments.environment import Environment
    from bindery.environments.lockfile import Lock
    from bindery.environments.realised import PackagesSource
    from bindery.environments.release_format import Withdrawal

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


def write_release(
    environment: Environment, lock: Lock, *, version: str, packages: PackagesSource, created_by: str
) -> PublishedRelease:
    """Publish the lock as a release: its folder is there, whole, and the list names it.

    Raises:
        BadInput: the version is no date, or is there already.
        ToolFailed: the disk is full or cannot be written.

    """
    date = parse_version(version, str(environment.releases_folder))
    entries = read_index(environment)
    folder = environment.releases_folder / version
    if folder.exists() or version in {entry.version for entry in entries}:
        raise BadInput("is there already, and a release never changes", str(folder), f"use {version}-1, or a new date")
    text = encode_lock(lock)
    release = Release(
        environment=environment.name,
        version=version,
        date=date,
        packages=packages,
        created_by=created_by,
        files=((LOCK_NAME, digest_bytes(text.encode())),),
        locks=tuple(_locked_platform(lock, platform) for platform in lock.platforms),
    )
    work = folder.with_name(f".{version}.{secrets.token_hex(4)}.part")
    try:
        write_file(work / LOCK_NAME, text)
        write_file(work / RELEASE_NAME, encode_release(release))
        work.rename(folder)
    finally:
        remove_tree(work)
    entry = IndexEntry(version=version, digest=digest_bytes(encode_release(release)))
    # The list comes last: a folder that it does not name was never published.
    _write_index(environment, (*entries, entry))
    return PublishedRelease(release=release, entry=entry, folder=folder)


def withdraw_release(environment: Environment, version: str, withdrawal: Withdrawal) -> None:
    """Mark the release as withdrawn; its folder stays as it is.

    Raises:
        BadInput: there is no such release.

    """
    entry = find_release(environment, version).entry
    marked = replace(entry, withdrawn=withdrawal)
    _write_index(environment, tuple(marked if other == entry else other for other in read_index(environment)))


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


def _write_index(environment: Environment, entries: tuple[IndexEntry, ...]) -> None:
    ordered = tuple(sorted(entries, key=_age))
    write_file(environment.releases_folder / INDEX_NAME, encode_index(ordered, environment.name))


def _age(entry: IndexEntry) -> tuple[str, int]:
    date, _, rebuild = entry.version.partition("-")
    return date, int(rebuild or 0)


def _locked_platform(lock: Lock, platform: str) -> LockedPlatform:
    packages = lock.packages_for(platform)
    versions = {package.name: package.version for package in packages}
    return LockedPlatform(
        platform=platform, digest=lock.digest(platform), packages=len(packages), python=versions.get("python")
    )


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
    return PublishedRelease(release=release, entry=entry, folder=folder)


def release_of(environment: Environment, lock: Lock, platform: str) -> str | None:
    """Return the newest release, not withdrawn, with the same packages on the platform; None if there is none.

    Raises:
        BadInput: a release cannot be read, or a file of it has changed.

    """
    digest = lock.digest(platform)
    for published in reversed(list_releases(environment)):
        locks = {locked.platform: locked.digest for locked in published.release.locks}
        if published.entry.withdrawn is None and locks.get(platform) == digest:
            return published.entry.version
    return None


def read_released_lock(published: PublishedRelease) -> Lock:
    """Return the lock of the release.

    Raises:
        BadInput: it cannot be read.

    """
    return read_lock(published.folder / LOCK_NAME)
