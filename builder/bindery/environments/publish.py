"""Environment → release: planned first, then written once and for ever."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bindery import __version__
from bindery.core import BadInput, CheckFailed, digest_bytes, remove_tree, write_file
from bindery.environments.check import check_lock
from bindery.environments.environment import LOCK_NAME, SPEC_NAME
from bindery.environments.lockfile import encode_lock
from bindery.environments.realising import make_label
from bindery.environments.release_format import (
    INDEX_NAME,
    LOWER_FOLDER,
    RELEASE_NAME,
    IndexEntry,
    LockedPlatform,
    Release,
    encode_release,
)
from bindery.environments.release_notes import describe_changes, describe_first, describe_rebuild
from bindery.environments.releases import (
    PublishedRelease,
    find_release,
    parse_version,
    read_index,
    read_released_lock,
    version_age,
    write_index,
)
from bindery.environments.render import render_explicit
from bindery.environments.spec import read_spec

if TYPE_CHECKING:
    import datetime as dt
    from pathlib import Path

    from bindery.core import Digest
    from bindery.environments.environment import Environment
    from bindery.environments.lockfile import Lock
    from bindery.environments.realised import PackagesSource
    from bindery.environments.release_format import ReleasedNotebook

CHANGES_NAME = "changes.md"
SOURCES = (SPEC_NAME, "virtual-packages.yml")


@dataclass(frozen=True, kw_only=True, slots=True)
class ReleasePlan:
    """A release before it is written: what it says, its files by their paths, and the release before it."""

    release: Release
    files: dict[str, bytes] = field(repr=False)
    previous: str | None

    @property
    def changes(self) -> str:
        """What changed since the release before it, in words."""
        return self.files[CHANGES_NAME].decode()


def plan_release(
    environment: Environment,
    lock: Lock,
    *,
    version: str,
    packages: PackagesSource,
    notebooks: tuple[ReleasedNotebook, ...] | None = None,
) -> ReleasePlan:
    """Return the lock as a release of this version, ``2026.11.22``.

    Raises:
        BadInput: the version is no date, is taken, or is older than the last; or the last has the same packages.
        CheckFailed: the lock is stale.

    """
    where = str(environment.releases_folder)
    date = parse_version(version, where)
    if "-" in version:
        of = version.partition("-")[0]
        raise BadInput(f"{version} is a rebuild", where, f"bindery release {environment.name}@{of} --rebuild")
    last = _last(environment)
    _refuse_taken(environment, version)
    if last is not None:
        _refuse_unchanged(environment, lock, last)
        if version_age(version) < version_age(last.entry.version):
            raise BadInput(
                f"{version} is older than the last release, {last.entry.version}", where, "take a later date"
            )
    if packages == "conda-forge":
        for finding in check_lock(environment):
            raise CheckFailed(finding.what, finding.where, finding.fix)
    title = make_label(environment, version)
    direct = _direct(environment, lock)
    if last is None:
        changes = describe_first(title, lock, direct)
    else:
        changes = describe_changes(title, last.entry.version, read_released_lock(last), lock, direct)
    files = {LOCK_NAME: encode_lock(lock).encode(), CHANGES_NAME: changes.encode(), **_sources(environment)}
    if packages == "conda-forge":
        # Of wheels no other program can fetch anything: their URLs are on no server.
        files |= {f"conda-{name}.lock": render_explicit(lock, name).encode() for name in lock.platforms}
    release = Release(
        environment=environment.name,
        version=version,
        date=date,
        packages=packages,
        created_by=f"bindery {__version__}",
        files=_digests(files),
        locks=tuple(_locked_platform(lock, platform) for platform in lock.platforms),
        extends=tuple(layer.name for layer in environment.layers[:-1]),
        fork_of=environment.fork_of,
        without=tuple((layer.name, layer.without) for layer in environment.layers if layer.without),
        notebooks=notebooks,
    )
    return ReleasePlan(release=release, files=files, previous=last.entry.version if last else None)


def plan_rebuild(
    environment: Environment,
    version: str | None,
    *,
    date: dt.date,
    notebooks: tuple[ReleasedNotebook, ...] | None = None,
) -> ReleasePlan:
    """Return a rebuild, on that day, of the release (None: of the last): its files, and the next free number.

    Raises:
        BadInput: there is no such release.

    """
    entries = read_index(environment)
    if version is None and not entries:
        raise BadInput("there is no release to rebuild", str(environment.releases_folder))
    published = find_release(environment, version or entries[-1].version)
    original = published.entry.version.partition("-")[0]
    taken = [age for entry in entries if (age := version_age(entry.version))[0] == original]
    new = f"{original}-{max(number for _, number in taken) + 1}"
    files = {name: (published.folder / name).read_bytes() for name, _ in published.release.files}
    files[CHANGES_NAME] = describe_rebuild(make_label(environment, new), original).encode()
    release = Release(
        environment=environment.name,
        version=new,
        date=date,
        packages=published.release.packages,
        created_by=f"bindery {__version__}",
        files=_digests(files),
        locks=published.release.locks,
        extends=published.release.extends,
        fork_of=published.release.fork_of,
        without=published.release.without,
        notebooks=notebooks,
    )
    return ReleasePlan(release=release, files=files, previous=published.entry.version)


def write_release(environment: Environment, plan: ReleasePlan) -> PublishedRelease:
    """Publish the release: its folder is there, whole, and the list names it.

    Raises:
        BadInput: its version is there already, or another folder of its name.
        ToolFailed: the disk is full or cannot be written.

    """
    version, entries = plan.release.version, read_index(environment)
    _refuse_taken(environment, version)
    folder = environment.releases_folder / version
    said = encode_release(plan.release)
    work = folder.with_name(f".{version}.{secrets.token_hex(4)}.part")
    try:
        for name, data in plan.files.items():
            write_file(work / name, data)
        write_file(work / RELEASE_NAME, said)
        if not folder.exists():
            work.rename(folder)
        elif not _is_folder_of(folder, plan):
            raise BadInput(
                f"is there, but {INDEX_NAME} does not name it",
                str(folder),
                f"git restore {environment.releases_folder / INDEX_NAME}, or remove the folder",
            )
    finally:
        remove_tree(work)
    entry = IndexEntry(version=version, digest=digest_bytes(said))
    # The list comes last: whoever is stopped before leaves a folder that the next call takes as it is.
    write_index(environment, (*entries, entry))
    return PublishedRelease(release=plan.release, entry=entry, folder=folder)


def _is_folder_of(folder: Path, plan: ReleasePlan) -> bool:
    files = {**plan.files, RELEASE_NAME: encode_release(plan.release)}
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return found == files


def _last(environment: Environment) -> PublishedRelease | None:
    entries = read_index(environment)
    return find_release(environment, entries[-1].version) if entries else None


def _refuse_taken(environment: Environment, version: str) -> None:
    if version in {entry.version for entry in read_index(environment)}:
        raise BadInput(
            "is there already, and a release never changes",
            str(environment.releases_folder / version),
            "name another date with --version, or rebuild it with --rebuild",
        )


def _refuse_unchanged(environment: Environment, lock: Lock, last: PublishedRelease) -> None:
    locks = {locked.platform: locked.digest for locked in last.release.locks}
    if locks == {platform: lock.digest(platform) for platform in lock.platforms}:
        raise BadInput(
            f"has the same packages as the last release, {environment.name}@{last.entry.version}",
            str(environment.lock_path),
            "there is nothing to release; for a newer base take --rebuild",
        )


def _direct(environment: Environment, lock: Lock) -> frozenset[str]:
    if not environment.sources:
        return frozenset()
    spec = read_spec(environment, lock.platforms)
    return frozenset(asked.name for _, requirements in spec.requirements for asked in requirements)


def _sources(environment: Environment) -> dict[str, bytes]:
    """Return what people had asked for, and the pins: of the environment, and below ``extends`` of those it extends."""
    files: dict[str, bytes] = {}
    for layer in environment.layers:
        prefix = "" if layer is environment else f"{LOWER_FOLDER}/{layer.name}/"
        paths: tuple[Path, ...] = (*(layer.folder / name for name in SOURCES), *layer.wheels_paths)
        files |= {f"{prefix}{path.name}": path.read_bytes() for path in paths if path.is_file()}
    return files


def _digests(files: dict[str, bytes]) -> tuple[tuple[str, Digest], ...]:
    return tuple((name, digest_bytes(files[name])) for name in sorted(files))


def _locked_platform(lock: Lock, platform: str) -> LockedPlatform:
    packages = lock.packages_for(platform)
    versions = {package.name: package.version for package in packages}
    return LockedPlatform(
        platform=platform, digest=lock.digest(platform), packages=len(packages), python=versions.get("python")
    )
