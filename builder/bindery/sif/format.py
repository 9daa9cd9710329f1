"""Singularity image files, version 1: a header, a table of what is inside, and the objects.

Everything that is written follows from what is handed in: no clock, no random number, nobody's user ID. Of files that
others wrote, nothing is believed before it is known to lie inside the file.

Source: apptainer/sif, ``pkg/sif``: ``sif.go`` (header), ``descriptor.go`` (table), ``buffer.go``; numbers are
little-endian and packed.
"""

from __future__ import annotations

import struct
import uuid as uuids
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Literal, TypeVar, get_args

from bindery.core import CHUNK_BYTES, BadInput, disk_errors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

ObjectKind = Literal[
    "deffile",
    "environment",
    "labels",
    "partition",
    "signature",
    "json",
    "generic",
    "encryption",
    "sbom",
    "oci-index",
    "oci-blob",
    "unknown",
]
FileSystem = Literal["squashfs", "ext3", "archive", "raw", "encrypted squashfs", "unknown"]
Role = Literal["system", "primary", "data", "overlay", "unknown"]
_Word = TypeVar("_Word")

LAUNCH = b"#!/usr/bin/env run-singularity\n"
MAGIC = b"SIF_MAGIC\0"
VERSION = b"01\0"
PARTITION_ALIGNMENT = 4096
SLOTS = 48
SMALL_BYTES = 16 << 20
_HEADER = struct.Struct("<32s10s3s3s16s8q")
_DESCRIPTOR = struct.Struct("<i?III5q2q128s384s")
_PARTITION = struct.Struct("<ii3s")
_TABLE_AT = 4096
_DATA_AT = _TABLE_AT + SLOTS * _DESCRIPTOR.size
_MOST_SLOTS = 1 << 14
_FIRST_KIND = 0x4001
_IN_GROUP = 0xF0000000
_KINDS: tuple[ObjectKind, ...] = get_args(ObjectKind)[:-1]
_FILE_SYSTEMS: tuple[FileSystem, ...] = get_args(FileSystem)[:-1]
_ROLES: tuple[Role, ...] = get_args(Role)[:-1]
# What Go calls the processors, as the image specification does.
_ARCHITECTURES: Mapping[str, bytes] = {
    "386": b"01\0",
    "amd64": b"02\0",
    "arm": b"03\0",
    "arm64": b"04\0",
    "ppc64": b"05\0",
    "ppc64le": b"06\0",
    "mips": b"07\0",
    "mipsle": b"08\0",
    "mips64": b"09\0",
    "mips64le": b"10\0",
    "s390x": b"11\0",
    "riscv64": b"12\0",
}
_AGAIN = "copy or make the file again"


@dataclass(frozen=True, kw_only=True, slots=True)
class SifObject:
    """Where an object is in the file, and what it is. ``number`` counts from 1, as signatures name objects.

    ``file_system`` and ``role`` are a partition's. ``linked`` is the number of the object that this one is about, or a
    group's number with the highest four bits set; 0 if none. ``extra`` is the rest of its descriptor (384 bytes).
    """

    kind: ObjectKind
    name: str
    offset_bytes: int
    size_bytes: int
    number: int
    group: int = 0
    linked: int = 0
    created_s: int = 0
    file_system: FileSystem | None = None
    role: Role | None = None
    extra: bytes = bytes(384)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sif:
    """What a file says of itself; ``architecture`` in Go's words, ``created_s`` in seconds since 1970."""

    path: Path
    uuid: uuids.UUID
    created_s: int
    architecture: str
    objects: tuple[SifObject, ...]

    @property
    def rootfs(self) -> SifObject:
        """The partition that containers run in.

        Raises:
            BadInput: there is none.

        """
        for one in self.objects:
            if one.role == "primary":
                return one
        raise BadInput("has no partition to run", str(self.path), _AGAIN)

    def named(self, kind: ObjectKind, name: str = "") -> SifObject | None:
        """Return the first object of this kind, and of this name if one is given."""
        return next((one for one in self.objects if one.kind == kind and name in {"", one.name}), None)


@dataclass(frozen=True, kw_only=True, slots=True)
class NewObject:
    """An object to be written; content that is a path is copied. A partition is squashfs, and is the one to run."""

    kind: ObjectKind
    name: str = ""
    content: bytes | Path


@dataclass(frozen=True, kw_only=True, slots=True)
class SifIdentity:
    """What the header says: Go's word for the processor, an ID, and seconds since 1970."""

    architecture: str
    uuid: uuids.UUID
    created_s: int


def write_sif(path: Path, objects: Sequence[NewObject], identity: SifIdentity) -> Sif:
    """Return what is at the path now; a file that was there is written over. Objects keep their order.

    Raises:
        BadInput: there are too many objects, a name is too long, or the processor is not one that SIF knows.
        ToolFailed: the disk is full or cannot be written.

    """
    sizes = [len(one.content) if isinstance(one.content, bytes) else one.content.stat().st_size for one in objects]
    placed = place_objects(objects, sizes)
    head = encode_head(placed, identity)
    with disk_errors(path), path.open("wb") as stream:
        stream.write(head)
        for one, new in zip(placed, objects, strict=True):
            stream.truncate(one.offset_bytes)  # a last object that is empty has its place inside the file as well
            stream.seek(one.offset_bytes)
            if isinstance(new.content, bytes):
                stream.write(new.content)
            else:
                _copy(new.content, stream)
    return read_sif(path)


def place_objects(objects: Sequence[NewObject], sizes_bytes: Sequence[int]) -> tuple[SifObject, ...]:
    """Return where each object goes. Partitions begin at a multiple of 4096, the others follow each other.

    Raises:
        BadInput: there are too many objects, or a name is too long.

    """
    if len(objects) > SLOTS:
        raise BadInput(f"{len(objects)} objects do not fit into one file, at most {SLOTS} do")
    at = _DATA_AT
    placed = []
    for number, (one, size) in enumerate(zip(objects, sizes_bytes, strict=True), 1):
        if len(one.name.encode()) > 128:
            raise BadInput(f"the name of an object has more than 128 bytes: {one.name}")
        is_partition = one.kind == "partition"
        at += -at % PARTITION_ALIGNMENT if is_partition else 0
        placed.append(
            SifObject(
                kind=one.kind,
                name=one.name,
                offset_bytes=at,
                size_bytes=size,
                number=number,
                group=1,
                file_system="squashfs" if is_partition else None,
                role="primary" if is_partition else None,
            )
        )
        at += size
    return tuple(placed)


def encode_head(objects: Sequence[SifObject], identity: SifIdentity) -> bytes:
    """Return the first bytes of a file with these objects, up to where objects begin.

    Raises:
        BadInput: the processor is not one that SIF knows.

    """
    code = _ARCHITECTURES.get(identity.architecture)
    if code is None:
        raise BadInput(f"SIF has no word for the architecture {identity.architecture}")
    table = bytearray()
    end = _DATA_AT
    for one in objects:
        table += _encode_descriptor(one, code, end, identity.created_s)
        end = one.offset_bytes + one.size_bytes
    header = _HEADER.pack(
        LAUNCH,
        MAGIC,
        VERSION,
        code,
        identity.uuid.bytes,
        identity.created_s,
        identity.created_s,
        SLOTS - len(objects),
        SLOTS,
        _TABLE_AT,
        SLOTS * _DESCRIPTOR.size,
        _DATA_AT,
        end - _DATA_AT,
    )
    return header.ljust(_TABLE_AT, b"\0") + bytes(table).ljust(SLOTS * _DESCRIPTOR.size, b"\0")


def encode_front(objects: Sequence[NewObject], partition_bytes: int, identity: SifIdentity) -> bytes:
    """Return what stands in front of a partition of that size in a file of small objects and it: whole pages.

    Raises:
        BadInput: there are too many objects, a name is too long, or the processor is not one that SIF knows.

    """
    contents = [one.content for one in objects if isinstance(one.content, bytes)]
    partition = NewObject(kind="partition", content=b"")
    placed = place_objects((*objects, partition), (*map(len, contents), partition_bytes))
    front = encode_head(placed, identity) + b"".join(contents)
    return front.ljust(placed[-1].offset_bytes, b"\0")


def read_sif(path: Path) -> Sif:
    """Return what the file says of itself. Its objects are inside it; their content was not read.

    Raises:
        BadInput: it is not there, not a SIF, of another version, damaged, or cut.

    """
    where = str(path)
    try:
        with path.open("rb") as stream:
            header = stream.read(_HEADER.size)
            return _read(path, header, stream)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise BadInput(f"cannot be read: {error.strerror}", where) from error


def read_object(sif: Sif, wanted: SifObject) -> bytes:
    """Return the content of a small object: a definition, metadata, a signature.

    Raises:
        BadInput: it is larger than ``SMALL_BYTES``, or the file is shorter than it was.

    """
    where = f"{sif.path}: object {wanted.number}"
    if wanted.size_bytes > SMALL_BYTES:
        raise BadInput(f"has {wanted.size_bytes} bytes, more than {SMALL_BYTES >> 20} MiB", where)
    with sif.path.open("rb") as stream:
        stream.seek(wanted.offset_bytes)
        data = stream.read(wanted.size_bytes)
    if len(data) < wanted.size_bytes:
        raise BadInput(f"is cut after {len(data)} of {wanted.size_bytes} bytes", where, _AGAIN)
    return data


def _encode_descriptor(one: SifObject, architecture: bytes, end: int, created_s: int) -> bytes:
    extra = b""
    if one.kind == "partition" and one.file_system is not None and one.role is not None:
        extra = _PARTITION.pack(_FILE_SYSTEMS.index(one.file_system) + 1, _ROLES.index(one.role) + 1, architecture)
    return _DESCRIPTOR.pack(
        _FIRST_KIND + _KINDS.index(one.kind),
        True,  # noqa: FBT003 - "used", by its place
        one.number,
        _IN_GROUP | one.group,
        one.linked,
        one.offset_bytes,
        one.size_bytes,
        one.offset_bytes - end + one.size_bytes,
        created_s,
        created_s,
        0,  # nobody's user ID
        0,
        one.name.encode(),
        extra,
    )


def _copy(source: Path, stream: BinaryIO) -> None:
    with source.open("rb") as content:
        while chunk := content.read(CHUNK_BYTES):
            stream.write(chunk)


def _read(path: Path, header: bytes, stream: BinaryIO) -> Sif:
    where = str(path)
    if len(header) < _HEADER.size or header[32:42] != MAGIC:
        raise BadInput("is not a Singularity image file", where)
    _, _, version, code, ident, created_s, _, _, slots, table_at, table_size, _, _ = _HEADER.unpack(header)
    if version != VERSION:
        raise BadInput(f"is a Singularity image file of version {_text(version)}, not 01", where)
    architecture = next((word for word, known in _ARCHITECTURES.items() if known == code), "unknown")
    if not 0 <= slots <= _MOST_SLOTS or table_size != slots * _DESCRIPTOR.size or table_at < _HEADER.size:
        raise BadInput("its table of objects is damaged", where, _AGAIN)
    stream.seek(table_at)
    table = stream.read(table_size)
    length = stream.seek(0, 2)
    if len(table) < table_size:
        raise BadInput(f"is cut after {length} bytes, in its table of objects", where, _AGAIN)
    objects = tuple(_object(fields) for fields in _DESCRIPTOR.iter_unpack(table) if fields[1])
    for one in objects:
        if one.offset_bytes < _HEADER.size or one.size_bytes < 0:
            raise BadInput(f"object {one.number} is at {one.offset_bytes}, with {one.size_bytes} bytes", where, _AGAIN)
        if one.offset_bytes + one.size_bytes > length:
            end = one.offset_bytes + one.size_bytes
            raise BadInput(f"is cut: it has {length} bytes, its object {one.number} ends at {end}", where, _AGAIN)
    return Sif(
        path=path,
        uuid=uuids.UUID(bytes=ident),
        created_s=created_s,
        architecture=architecture,
        objects=objects,
    )


def _object(fields: tuple[int, bool, int, int, int, int, int, int, int, int, int, int, bytes, bytes]) -> SifObject:
    kind, _, number, group, linked, offset, size, _, created_s, _, _, _, name, extra = fields
    found = _word(_KINDS, kind - _FIRST_KIND)
    file_system, role, _ = _PARTITION.unpack_from(extra)
    return SifObject(
        kind=found or "unknown",
        name=_text(name),
        offset_bytes=offset,
        size_bytes=size,
        number=number,
        group=group & ~_IN_GROUP,
        linked=linked,
        created_s=created_s,
        file_system=(_word(_FILE_SYSTEMS, file_system - 1) or "unknown") if found == "partition" else None,
        role=(_word(_ROLES, role - 1) or "unknown") if found == "partition" else None,
        extra=extra,
    )


def _word(words: Sequence[_Word], index: int) -> _Word | None:
    return words[index] if 0 <= index < len(words) else None


def _text(raw: bytes) -> str:
    return raw.split(b"\0")[0].decode(errors="replace")
