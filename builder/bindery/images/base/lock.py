"""``base.lock``: which base the images of an environment or a repository stand on, by its digest.

One file holds the bases of all platforms. It is committed; nothing in it says where, when or by whom it was made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bindery.core import BadInput, Digest, encode_json, write_file
from bindery.images.base.packages import BasePackage, parse_base_package
from bindery.images.documents import Node

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bindery.core import Json

FILE_NAME = "base.lock"
SCHEMA = 1
Origin = Literal["debian", "registry", "layout"]
_ORIGINS: tuple[Origin, ...] = ("debian", "registry", "layout")


@dataclass(frozen=True, kw_only=True, slots=True)
class BaseLock:
    """The base of one platform.

    ``reference`` is what was asked for (``debian:bookworm``, ``docker://…``), ``digest`` its manifest's. ``requested``
    are the packages of ``apt.txt``, ``packages`` all that are installed; ``made_with`` is empty for a base
    that was not made here.
    """

    reference: str
    digest: Digest
    platform: str
    origin: Origin
    requested: tuple[str, ...] = ()
    packages: tuple[BasePackage, ...] = ()
    made_with: str = ""


def read_base_lock(path: Path, platform: str) -> BaseLock | None:
    """Return the base that is locked for the platform; None if there is no file, or none for that platform.

    Raises:
        BadInput: the file is damaged, or a later Bindery wrote it.

    """
    return read_base_locks(path).get(platform)


def read_base_locks(path: Path) -> Mapping[str, BaseLock]:
    """Return the locked bases by platform; none if there is no file.

    Raises:
        BadInput: the file is damaged, or a later Bindery wrote it.

    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return {}
    return parse_base_locks(raw, str(path))


def parse_base_locks(raw: bytes, where: str) -> Mapping[str, BaseLock]:
    """Return the locked bases by platform.

    Raises:
        BadInput: the text is not a ``base.lock``, or a later Bindery wrote it.

    """
    node = Node.of_document(raw, where)
    schema = node.number("schema")
    if schema != SCHEMA:
        raise BadInput(f"schema is {schema}, and this bindery knows {SCHEMA}", where, "take a newer bindery")
    bases = node.needed("bases")
    return {platform: _parse(bases.needed(platform), platform) for platform in bases.values}


def write_base_lock(path: Path, lock: BaseLock) -> None:
    """Put the base into the file, in place of the one of its platform; other platforms stay.

    Raises:
        BadInput: the file that is there is damaged.
        ToolFailed: the disk is full or cannot be written.

    """
    write_file(path, encode_base_locks({**read_base_locks(path), lock.platform: lock}))


def encode_base_locks(locks: Mapping[str, BaseLock]) -> bytes:
    """Return the bytes of a ``base.lock``: the same for the same bases."""
    document: dict[str, Json] = {"schema": SCHEMA, "bases": {key: _encode(lock) for key, lock in locks.items()}}
    return encode_json(document, indent=1) + b"\n"


def _encode(lock: BaseLock) -> Json:
    return {
        "reference": lock.reference,
        "digest": str(lock.digest),
        "origin": lock.origin,
        "requested": list(lock.requested),
        "packages": [str(one) for one in lock.packages],
        "made_with": lock.made_with,
    }


def _parse(node: Node, platform: str) -> BaseLock:
    origin = next((one for one in _ORIGINS if one == node.text("origin")), None)
    if origin is None:
        raise node.error("origin", f"is {node.text('origin')!r}, not one of {', '.join(_ORIGINS)}")
    return BaseLock(
        reference=node.text("reference"),
        digest=node.digest("digest"),
        platform=platform,
        origin=origin,
        requested=node.texts("requested"),
        packages=tuple(parse_base_package(text, node.where) for text in node.texts("packages")),
        made_with=node.text("made_with", ""),
    )
