"""``release.json`` and ``releases.json``, schema 1.

Fields that are not known yet when a release is made (its images, its SIFs, its notebooks' results) are null or empty.
Keys are sorted and the text ends with a newline, so that equal releases are equal files.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bindery.core import BadInput, Digest, encode_json, inner_path, parse_digest, parse_json
from bindery.environments.fields import Fields

if TYPE_CHECKING:
    from bindery.core import Json
    from bindery.environments.realised import PackagesSource

SCHEMA = 1
RELEASE_NAME = "release.json"
INDEX_NAME = "releases.json"
LOWER_FOLDER = "extends"
_RELEASE_KEYS = frozenset(
    (
        *("schema", "environment", "version", "date", "packages", "created_by"),
        *("extends", "fork_of", "without", "files", "locks", "images", "sifs", "notebooks"),
    )
)
_ENTRY_KEYS = frozenset(("version", "digest", "withdrawn"))


@dataclass(frozen=True, kw_only=True, slots=True)
class LockedPlatform:
    """The lock on one platform: the digest of its package set, how many packages, which Python (None: none)."""

    platform: str
    digest: Digest
    packages: int
    python: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ReleasedImage:
    """An image of the release: its name without a digest, the digest of its manifest, and that of its base."""

    platform: str
    name: str
    digest: Digest
    base_digest: Digest


@dataclass(frozen=True, kw_only=True, slots=True)
class ReleasedSif:
    """A SIF of the release."""

    platform: str
    file_name: str
    digest: Digest
    size_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ReleasedNotebook:
    """How one notebook fared in the release: its verdict, its cells, and how many of them differed.

    ``packages``, ``platform`` and ``python`` (a version) are what it ran on: notebooks of a release of conda-forge's
    packages may have been run on the substitute made of wheels.
    """

    name: str
    verdict: str
    cells: int
    differing: int
    packages: PackagesSource
    platform: str
    python: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """What was published. ``notebooks`` is None where they were not run, which is not the same as none.

    ``extends`` names the environments that it builds on, the lowest first: ``extends/<name>/`` holds what they said.
    ``fork_of`` is the parent of a fork, and ``without`` are, for each layer, packages that it does not ask for although
    those below it do. ``files`` are paths in the release's folder, with their digests.
    """

    environment: str
    version: str
    date: dt.date
    packages: PackagesSource
    created_by: str
    files: tuple[tuple[str, Digest], ...]
    locks: tuple[LockedPlatform, ...]
    extends: tuple[str, ...] = ()
    fork_of: str | None = None
    without: tuple[tuple[str, tuple[str, ...]], ...] = ()
    images: tuple[ReleasedImage, ...] | None = None
    sifs: tuple[ReleasedSif, ...] | None = None
    notebooks: tuple[ReleasedNotebook, ...] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Withdrawal:
    """That a release should not be used any more: since when, why, and what to use instead (None: nothing yet)."""

    date: dt.date
    reason: str
    instead: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexEntry:
    """A release in the list: its version, the digest of its ``release.json``, and whether it was withdrawn."""

    version: str
    digest: Digest
    withdrawn: Withdrawal | None = None


def encode_release(release: Release) -> bytes:
    """Return the bytes of ``release.json``."""
    document: dict[str, Json] = {
        "schema": SCHEMA,
        "environment": release.environment,
        "version": release.version,
        "date": release.date.isoformat(),
        "packages": release.packages,
        "created_by": release.created_by,
        "extends": list(release.extends),
        "files": {name: str(digest) for name, digest in release.files},
        "locks": {
            locked.platform: {"digest": str(locked.digest), "packages": locked.packages, "python": locked.python}
            for locked in release.locks
        },
        "images": None if release.images is None else [_encode_image(image) for image in release.images],
        "sifs": None if release.sifs is None else [_encode_sif(sif) for sif in release.sifs],
        "notebooks": None if release.notebooks is None else [_encode_notebook(one) for one in release.notebooks],
    }
    # Few releases are of forks.
    if release.fork_of is not None:
        document["fork_of"] = release.fork_of
    if release.without:
        document["without"] = {layer: list(names) for layer, names in release.without}
    return encode_json(document, indent=2) + b"\n"


def parse_release(data: bytes, where: str) -> Release:
    """Return what the bytes of a ``release.json`` say.

    Raises:
        BadInput: it is not JSON, not schema 1, or a field is missing, of another type, or not known.

    """
    fields = _document(data, where)
    fields.refuse_others(_RELEASE_KEYS)
    locks = fields.inner("locks")
    files = fields.inner("files")
    without = fields.inner("without") if fields.has("without") else None
    return Release(
        environment=fields.text("environment"),
        version=fields.text("version"),
        date=_date(fields, "date"),
        packages=_packages(fields),
        created_by=fields.text("created_by"),
        files=tuple((str(inner_path(name, where)), _digest(files, name)) for name in files.values),
        extends=fields.texts("extends") if fields.has("extends") else (),
        fork_of=fields.text("fork_of") if fields.has("fork_of") else None,
        without=tuple((layer, without.texts(layer)) for layer in without.values) if without else (),
        locks=tuple(_parse_platform(platform, locks.inner(platform)) for platform in locks.values),
        images=tuple(_parse_image(one) for one in fields.items("images")) if fields.has("images") else None,
        sifs=tuple(_parse_sif(one) for one in fields.items("sifs")) if fields.has("sifs") else None,
        notebooks=tuple(_parse_notebook(one) for one in fields.items("notebooks")) if fields.has("notebooks") else None,
    )


def encode_index(entries: tuple[IndexEntry, ...], environment: str) -> bytes:
    """Return the bytes of ``releases.json``."""
    document: dict[str, Json] = {
        "schema": SCHEMA,
        "environment": environment,
        "releases": [
            {"version": entry.version, "digest": str(entry.digest), "withdrawn": _encode_withdrawal(entry.withdrawn)}
            for entry in entries
        ],
    }
    return encode_json(document, indent=2) + b"\n"


def parse_index(data: bytes, where: str, environment: str) -> tuple[IndexEntry, ...]:
    """Return the releases that the bytes of a ``releases.json`` list, in its order.

    Raises:
        BadInput: it is not JSON, not schema 1, of another environment, or a field is wrong.

    """
    fields = _document(data, where)
    fields.refuse_others({"schema", "environment", "releases"})
    if fields.text("environment") != environment:
        raise fields.error(f"environment is {fields.text('environment')}, expected {environment}")
    return tuple(_parse_entry(entry) for entry in fields.items("releases", named_by="version"))


def _document(data: bytes, where: str) -> Fields:
    try:
        document = parse_json(data)
    except ValueError as error:
        raise BadInput(f"is not JSON: {error}", where) from error
    fields = Fields.of_document(document, where, "")
    schema = fields.number("schema")
    if schema != SCHEMA:
        raise fields.error(f"schema is {schema}, and this Bindery reads schema {SCHEMA}")
    return fields


def _encode_image(image: ReleasedImage) -> Json:
    return {
        "platform": image.platform,
        "name": image.name,
        "digest": str(image.digest),
        "base_digest": str(image.base_digest),
    }


def _encode_sif(sif: ReleasedSif) -> Json:
    return {
        "platform": sif.platform,
        "file_name": sif.file_name,
        "digest": str(sif.digest),
        "size_bytes": sif.size_bytes,
    }


def _encode_notebook(notebook: ReleasedNotebook) -> Json:
    return {
        "name": notebook.name,
        "verdict": notebook.verdict,
        "cells": notebook.cells,
        "differing": notebook.differing,
        "packages": notebook.packages,
        "platform": notebook.platform,
        "python": notebook.python,
    }


def _encode_withdrawal(withdrawal: Withdrawal | None) -> Json:
    if withdrawal is None:
        return None
    return {"date": withdrawal.date.isoformat(), "reason": withdrawal.reason, "instead": withdrawal.instead}


def _parse_platform(platform: str, fields: Fields) -> LockedPlatform:
    return LockedPlatform(
        platform=platform,
        digest=_digest(fields, "digest"),
        packages=fields.number("packages"),
        python=fields.text("python") if fields.has("python") else None,
    )


def _parse_image(fields: Fields) -> ReleasedImage:
    return ReleasedImage(
        platform=fields.text("platform"),
        name=fields.text("name"),
        digest=_digest(fields, "digest"),
        base_digest=_digest(fields, "base_digest"),
    )


def _parse_sif(fields: Fields) -> ReleasedSif:
    return ReleasedSif(
        platform=fields.text("platform"),
        file_name=fields.text("file_name"),
        digest=_digest(fields, "digest"),
        size_bytes=fields.number("size_bytes"),
    )


def _parse_notebook(fields: Fields) -> ReleasedNotebook:
    return ReleasedNotebook(
        name=fields.text("name"),
        verdict=fields.text("verdict"),
        cells=fields.number("cells"),
        differing=fields.number("differing"),
        packages=_packages(fields),
        platform=fields.text("platform"),
        python=fields.text("python"),
    )


def _parse_entry(fields: Fields) -> IndexEntry:
    fields.refuse_others(_ENTRY_KEYS)
    withdrawn = fields.inner("withdrawn") if fields.has("withdrawn") else None
    return IndexEntry(
        version=fields.text("version"),
        digest=_digest(fields, "digest"),
        withdrawn=Withdrawal(
            date=_date(withdrawn, "date"),
            reason=withdrawn.text("reason"),
            instead=withdrawn.text("instead") if withdrawn.has("instead") else None,
        )
        if withdrawn
        else None,
    )


def _packages(fields: Fields) -> PackagesSource:
    match fields.text("packages"):
        case "conda-forge" | "wheels" as packages:
            return packages
        case other:
            raise fields.error(f"packages is {other}, neither conda-forge nor wheels")


def _digest(fields: Fields, key: str) -> Digest:
    text = fields.text(key)
    try:
        return parse_digest(text)
    except BadInput as error:
        raise fields.error(f"{key}: {error.what}") from error


def _date(fields: Fields, key: str) -> dt.date:
    text = fields.text(key)
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise fields.error(f"{key} is {text!r}, which is no date") from error
