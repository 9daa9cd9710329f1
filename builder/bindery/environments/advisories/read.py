"""Files → advisories: one record, an array of them, a zip as osv.dev offers it, or a folder of such files."""

from __future__ import annotations

import zipfile
import zlib
from typing import TYPE_CHECKING

from bindery.core import BadInput, parse_json
from bindery.environments.advisories.values import Advisory, AffectedRange, Event, Subject
from bindery.environments.fields import Fields

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bindery.environments.advisories.values import Ecosystem, EventKind, Order

MAX_RECORD_BYTES = 64 << 20
"""More than any record has; a member of a zip may claim to be small and be anything."""

_FIX = "fetch OSV records, such as the all.zip of its PyPI folder"
_ECOSYSTEMS: dict[str, Ecosystem] = {"pypi": "pypi", "conda": "conda", "conda-forge": "conda"}
_ORDERS: dict[str, Order] = {"ECOSYSTEM": "ecosystem", "SEMVER": "semver"}
_EVENTS: tuple[EventKind, ...] = ("introduced", "fixed", "last_affected", "limit")


def read_advisories(path: Path) -> tuple[Advisory, ...]:
    """Return the advisories about packages of PyPI and conda, sorted by id; those that were withdrawn are left out.

    Raises:
        BadInput: there is no such file or folder, it holds no records, or one is not as the schema wants it.

    """
    found: dict[str, Advisory] = {}
    documents = 0
    for where, data in _documents(path):
        documents += 1
        for fields in _records(where, data):
            advisory = None if fields.has("withdrawn") else _parse_record(fields)
            if advisory is not None and advisory.subjects:
                found[advisory.id] = advisory
    if not documents:
        raise BadInput("holds no .json file", str(path), _FIX)
    return tuple(found[key] for key in sorted(found))


def _documents(path: Path) -> Iterator[tuple[str, bytes]]:
    if path.is_dir():
        for inner in sorted(path.rglob("*.json")):
            yield str(inner), inner.read_bytes()
    elif not path.is_file():
        raise BadInput("there is no such file or folder", str(path), _FIX)
    elif zipfile.is_zipfile(path):
        yield from _members(path)
    else:
        yield str(path), path.read_bytes()


def _members(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(path) as archive:
            for member in sorted(archive.infolist(), key=lambda info: info.filename):
                if not member.filename.endswith(".json"):
                    continue
                with archive.open(member) as stream:
                    data = stream.read(MAX_RECORD_BYTES + 1)
                if len(data) > MAX_RECORD_BYTES:
                    limit = MAX_RECORD_BYTES >> 20
                    raise BadInput(
                        f"unpacks to more than {limit} MiB, and no record has as many", f"{path}: {member.filename}"
                    )
                yield f"{path}: {member.filename}", data
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise BadInput(f"is a damaged zip: {error}", str(path), _FIX) from error


def _records(where: str, data: bytes) -> Iterator[Fields]:
    try:
        document = parse_json(data)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"is not JSON: {error}", where, _FIX) from error
    if isinstance(document, list):
        yield from Fields.of_document({"records": document}, where, "").items("records", named_by="id")
    else:
        yield Fields.of_document(document, where, "")


def _parse_record(fields: Fields) -> Advisory:
    summary = fields.text("summary") if fields.has("summary") else ""
    subjects = fields.items("affected") if fields.has("affected") else ()
    return Advisory(
        id=fields.text("id"),
        aliases=fields.texts("aliases") if fields.has("aliases") else (),
        summary=" ".join(summary.split()),
        subjects=tuple(filter(None, map(_parse_subject, subjects))),
    )


def _parse_subject(fields: Fields) -> Subject | None:
    if not fields.has("package"):
        return None
    package = fields.inner("package")
    # "Debian:12" is an ecosystem too: the part behind the colon is a release of it.
    ecosystem = _ECOSYSTEMS.get(package.text("ecosystem").partition(":")[0].lower())
    if ecosystem is None:
        return None
    ranges = fields.items("ranges") if fields.has("ranges") else ()
    return Subject(
        ecosystem=ecosystem,
        name=package.text("name"),
        ranges=tuple(filter(None, map(_parse_range, ranges))),
        versions=fields.texts("versions") if fields.has("versions") else (),
    )


def _parse_range(fields: Fields) -> AffectedRange | None:
    order = _ORDERS.get(fields.text("type"))
    if order is None:
        return None  # GIT: commits, which no lock has
    events = tuple(
        Event(kind=kind, version=event.text(kind))
        for event in fields.items("events")
        for kind in _EVENTS
        if event.has(kind)
    )
    return AffectedRange(order=order, events=events)
