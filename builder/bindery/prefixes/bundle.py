"""Offline bundles: one folder with every package of a lock, to be carried to where there is no network.

A bundle is a conda channel (``<subdir>/repodata.json`` and the archives, byte for byte) with two files more: the lock,
and ``bundle.json``, which is written last and says what the bundle is.
"""

from __future__ import annotations

import hashlib
import secrets
import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bindery.core import BadInput, disk_errors, encode_json, parse_json, verify_file, write_file
from bindery.environments import Environment, Realised, encode_lock, read_lock
from bindery.prefixes.archives import read_info
from bindery.prefixes.fetch import fetch_archives

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bindery.core import Json, Progress, Store
    from bindery.environments import LockedPackage

BUNDLE_NAME = "bundle.json"
LOCK_NAME = "conda-lock.yml"
_INDEX = "info/index.json"
_SCHEMA = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Bundle:
    """A bundle that is whole: how many archives, and their bytes."""

    folder: Path
    label: str
    platforms: tuple[str, ...]
    packages: int
    size_bytes: int


def write_bundle(realised: Sequence[Realised], folder: Path, *, store: Store, progress: Progress) -> Bundle:
    """Return the bundle of one lock on one or more platforms, each realised; archives that are there already stay.

    Raises:
        BadInput: an archive is not what the lock says, or comes from pip, or two channels have archives of one name.
        ToolFailed: an archive cannot be fetched, or the disk is full.

    """
    first = realised[0]
    platforms = tuple(one.platform for one in realised)
    lock = first.lock.restricted_to(platforms)
    # A bundle that is being changed is none.
    with disk_errors(folder):
        (folder / BUNDLE_NAME).unlink(missing_ok=True)
    for one in realised:
        _add_archives(one, folder, store, progress)
    packages = {_place(package): package for one in realised for package in one.installed}
    sizes = _write_repodata(packages, folder, progress)
    write_file(folder / LOCK_NAME, encode_lock(lock))
    document: Json = {
        "schema": _SCHEMA,
        "environment": first.environment.name,
        "label": first.label,
        "release": first.release or "",
        "packages": first.packages,
        "locks": {platform: str(lock.digest(platform)) for platform in platforms},
    }
    write_file(folder / BUNDLE_NAME, encode_json(document, indent=1))
    return Bundle(
        folder=folder, label=first.label, platforms=platforms, packages=len(packages), size_bytes=sum(sizes.values())
    )


def realise_bundle(folder: Path, name: str, platform: str) -> Realised:
    """Return what is installed from the bundle: nothing is fetched from anywhere else.

    ``name`` is the environment's, or a release's, which must be what the bundle holds.

    Raises:
        BadInput: it is no bundle, of something else, for other platforms, or its lock was changed.

    """
    said = _read(folder)
    environment, release = _text(said, "environment", folder), _text(said, "release", folder)
    wanted, _, wanted_release = name.partition("@")
    if wanted != environment or wanted_release not in {"", release}:
        holds = f"{environment}@{release}" if release else environment
        fix = f"bindery install {holds} --offline --bundle {folder}"
        raise BadInput(f"is a bundle of {holds}, not of {name}", str(folder), fix)
    lock = read_lock(folder / LOCK_NAME, _remake(environment))
    locks = said.get("locks")
    digests = locks if isinstance(locks, dict) else {}
    if platform not in digests:
        raise BadInput(
            f"is a bundle for {', '.join(digests)}, and this machine is {platform}",
            str(folder),
            f"{_remake(environment)} --platform {platform}",
        )
    if digests[platform] != str(lock.digest(platform)):
        raise BadInput(f"is not the lock that {BUNDLE_NAME} names", str(folder / LOCK_NAME), _remake(environment))
    channels = {package.channel_url for package in lock.packages_for(platform) if package.manager == "conda"}
    return Realised(
        environment=Environment(name=environment, folder=folder),
        lock=lock,
        packages="wheels" if said.get("packages") == "wheels" else "conda-forge",
        platform=platform,
        label=_text(said, "label", folder),
        release=release or None,
        mirrors={f"{url}/": f"{folder.absolute().as_uri()}/" for url in channels},
    )


def _add_archives(realised: Realised, folder: Path, store: Store, progress: Progress) -> None:
    missing = tuple(package for package in realised.installed if not _is_there(package, folder))
    if not missing:
        return
    fetched = fetch_archives(replace(realised, lock=replace(realised.lock, packages=missing)), store, progress)
    with progress.task("Copying packages", len(missing), "packages") as task:
        for package in missing:
            target = folder / _place(package)
            part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
            with disk_errors(target):
                target.parent.mkdir(parents=True, exist_ok=True)
                try:
                    shutil.copyfile(fetched[package.name], part)
                    part.replace(target)
                finally:
                    part.unlink(missing_ok=True)
            task.advance()


def _is_there(package: LockedPackage, folder: Path) -> bool:
    """Answer whether the folder has the archive; one with other bytes is made anew."""
    if package.manager == "pip" or not (folder / _place(package)).is_file():
        return False
    try:
        verify_file(folder / _place(package), package.sha256, "")
    except BadInput:
        return False
    return True


def _place(package: LockedPackage) -> str:
    return f"{package.subdir}/{package.file_name}"


def _write_repodata(packages: dict[str, LockedPackage], folder: Path, progress: Progress) -> dict[str, int]:
    indexed: dict[str, dict[str, dict[str, Json]]] = {"noarch": {}}
    sizes: dict[str, int] = {}
    with progress.task("Indexing packages", len(packages), "packages") as task:
        for place in sorted(packages):
            path, package = folder / place, packages[place]
            verify_file(path, package.sha256, "two channels have an archive of this name: make two bundles")
            index = parse_json(read_info(path, frozenset({_INDEX})).get(_INDEX, b"null"))
            if not isinstance(index, dict):
                raise BadInput(f"is not a conda package: {_INDEX} is missing", str(path))
            sizes[place] = path.stat().st_size
            with path.open("rb") as stream:
                md5 = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
            record = {**index, "md5": md5, "sha256": package.sha256.hex, "size": sizes[place]}
            indexed.setdefault(package.subdir, {})[package.file_name] = record
            task.advance()
    for subdir, records in indexed.items():
        document: Json = {
            "info": {"subdir": subdir},
            "packages": {name: record for name, record in records.items() if name.endswith(".tar.bz2")},
            "packages.conda": {name: record for name, record in records.items() if name.endswith(".conda")},
            "removed": [],
            "repodata_version": 1,
        }
        write_file(folder / subdir / "repodata.json", encode_json(document, indent=1))
    return sizes


def _read(folder: Path) -> dict[str, Json]:
    path = folder / BUNDLE_NAME
    try:
        said = parse_json(path.read_bytes())
    except FileNotFoundError as error:
        raise BadInput(
            f"is no whole bundle: {BUNDLE_NAME} is missing", str(folder), "make it, to its end: bindery channel ..."
        ) from error
    except ValueError as error:
        raise BadInput(f"is not JSON: {error}", str(path)) from error
    if not isinstance(said, dict) or said.get("schema") != _SCHEMA:
        raise BadInput(f"is no description of a bundle of schema {_SCHEMA}", str(path))
    return said


def _text(said: dict[str, Json], key: str, folder: Path) -> str:
    value = said.get(key)
    if not isinstance(value, str):
        raise BadInput(f"{key} is missing, or not text", str(folder / BUNDLE_NAME))
    return value


def _remake(environment: str) -> str:
    return f"bindery channel --from-lock {environment} -o FOLDER"
