"""What a SIF says beside its files: header, table and small objects, byte by byte against what the converter writes.

A signature adds an object, and changes what the header says of the file's end. All else must be as it was made.

Source: apptainer/sif, ``pkg/sif/sif.go`` and ``descriptor.go``, for the names and places of the fields.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from bindery.core import parse_json
from bindery.images.verify import ImageFinding
from bindery.sif.convert import identify, metadata_objects
from bindery.sif.format import NewObject, encode_head, place_objects, read_object
from bindery.sif.read import open_tree
from bindery.sif.verify.expected import SINGULARITY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bindery.core import Json
    from bindery.images import ImageConfig
    from bindery.images.verify import What
    from bindery.sif.format import Sif, SifObject

_TABLE_AT, _ROW = 4096, 585
_HEADER = (
    ("launch", 0, 32),
    ("magic", 32, 42),
    ("version", 42, 45),
    ("architecture", 45, 48),
    ("uuid", 48, 64),
    ("created", 64, 72),
    ("modified", 72, 80),
    ("free", 80, 88),
    ("slots", 88, 96),
    ("table", 96, 104),
    ("table-size", 104, 112),
    ("data", 112, 120),
    ("data-size", 120, 128),
    ("reserved", 128, _TABLE_AT),
)
_DESCRIPTOR = (
    ("kind", 0, 4),
    ("used", 4, 5),
    ("number", 5, 9),
    ("group", 9, 13),
    ("linked", 13, 17),
    ("offset", 17, 25),
    ("size", 25, 33),
    ("stored-size", 33, 41),
    ("created", 41, 49),
    ("modified", 49, 57),
    ("user", 57, 65),
    ("user-group", 65, 73),
    ("name", 73, 201),
    ("extra", 201, _ROW),
)
_OF_SIGNED = frozenset({"modified", "free", "data-size"})
_PIECE_BYTES = 1 << 20
_LONGEST = 60


def compare_metadata(sif: Sif, config: ImageConfig) -> Iterator[ImageFinding]:
    """Yield each field, object and key that is not what the converter writes for an image of this configuration.

    Raises:
        BadInput: the file cannot be read, or has no squashfs.

    """
    rootfs = NewObject(kind="partition", content=b"")
    new = [*metadata_objects(config), rootfs]
    contents = [one.content if isinstance(one.content, bytes) else b"" for one in new]
    sizes = [*map(len, contents[:-1]), sif.rootfs.size_bytes]
    placed = place_objects(new, sizes)
    expected = encode_head(placed, identify(config, str(sif.path)))
    signatures = [one for one in sif.objects if one.kind == "signature"]
    with sif.path.open("rb") as file:
        head = file.read(len(expected)).ljust(len(expected), b"\0")
    yield from _compare_head(expected, head, len(placed), [one.number for one in signatures])
    yield from _compare_objects(sif, placed, contents)
    yield from _compare_gaps(sif, len(expected), placed)


def is_signed(sif: Sif) -> bool:
    """Answer whether somebody signed it; whether the signature is right is for those who have the key."""
    return sif.named("signature") is not None


def _compare_head(expected: bytes, head: bytes, count: int, signatures: Sequence[int]) -> Iterator[ImageFinding]:
    for name, start, end in _HEADER:
        if expected[start:end] != head[start:end] and not (signatures and name in _OF_SIGNED):
            yield _finding("metadata", f"sif.header.{name}", _other(head[start:end], expected[start:end]))
    for row in range(count):
        at = _TABLE_AT + row * _ROW
        for name, start, end in _DESCRIPTOR:
            must, there = expected[at + start : at + end], head[at + start : at + end]
            if must != there:
                yield _finding("metadata", f"sif.object[{row + 1}].{name}", _other(there, must))
    for row in range(count, (len(expected) - _TABLE_AT) // _ROW):
        at = _TABLE_AT + row * _ROW
        there = head[at : at + _ROW]
        is_signature = bool(there[4]) and int.from_bytes(there[5:9], "little") in signatures
        if any(there) and not is_signature:
            yield _finding("added", f"sif.object[{row + 1}]", "an object that belongs to nothing")


def _compare_objects(sif: Sif, placed: Sequence[SifObject], contents: Sequence[bytes]) -> Iterator[ImageFinding]:
    for must, content in zip(placed[:-1], contents[:-1], strict=True):
        there = next((one for one in sif.objects if one.number == must.number), None)
        path = f"sif.{must.name or must.kind}"
        if there is None or there.kind != must.kind:
            yield _finding("missing", path, "is not there")
            continue
        found = read_object(sif, there) if there.size_bytes <= _PIECE_BYTES else b""
        if found != content:
            yield from _compare_content(path, content, found)


def _compare_content(path: str, must: bytes, there: bytes) -> Iterator[ImageFinding]:
    try:
        old, new = parse_json(must), parse_json(there)
    except ValueError:
        yield _finding("metadata", path, _other(there, must))
        return
    if old == new:
        yield _finding("metadata", path, "is written in another way")
    yield from _compare_json(path, old, new)


def _compare_json(path: str, must: Json, there: Json) -> Iterator[ImageFinding]:
    if must == there:
        return
    if isinstance(must, dict) and isinstance(there, dict):
        for key in sorted(must.keys() | there.keys()):
            yield from _compare_json(f"{path}.{key}", must.get(key), there.get(key))
        return
    yield _finding("metadata", path, f"is {_shown(repr(there))}, not {_shown(repr(must))}")


def _compare_gaps(sif: Sif, head_bytes: int, placed: Sequence[SifObject]) -> Iterator[ImageFinding]:
    """Yield what lies between the objects, or behind the last one: it belongs to nothing, and must be zeros."""
    size_bytes = sif.path.stat().st_size
    known = sorted((one.offset_bytes, one.offset_bytes + one.size_bytes) for one in sif.objects)
    at = head_bytes
    with sif.path.open("rb") as file:
        for start, end in (*known, (size_bytes, size_bytes)):
            while at < start:
                file.seek(at)
                piece = file.read(min(start - at, _PIECE_BYTES))
                at += len(piece) or start
                if any(piece):
                    yield _finding("added", "sif", f"bytes before byte {min(start, at)} that belong to nothing")
                    break
            at = max(at, end)
        last = placed[-1].offset_bytes + placed[-1].size_bytes
        if not is_signed(sif) and size_bytes != last:
            yield _finding("added", "sif", f"has {size_bytes} bytes, not {last}")
        rootfs = sif.rootfs
        with open_tree(sif) as system:
            used = system.used_bytes
        file.seek(rootfs.offset_bytes + used)
        rest = file.read(min(rootfs.size_bytes - used, _PIECE_BYTES))
        if any(rest) or rootfs.size_bytes - used >= _PIECE_BYTES:
            yield _finding("added", "sif.rootfs", "there are bytes behind the end of its file system")


def compare_claims(sif: Sif) -> Iterator[ImageFinding]:
    """Yield where the file contradicts itself; all that can be said where commands ran in the image."""
    deffile = sif.named("deffile")
    said = read_object(sif, deffile).decode(errors="replace") if deffile else ""
    if str(sif.uuid) != _uuid_of(said):
        yield _finding("metadata", "sif.header.uuid", "is not that of the image that its definition names")


def _uuid_of(deffile: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, deffile.rpartition("from: ")[2].strip()))


def _other(there: bytes, must: bytes) -> str:
    return f"is {_shown(_text(there))}, not {_shown(_text(must))}"


def _text(data: bytes) -> str:
    plain = data.rstrip(b"\0")
    is_text = plain.isascii() and plain.decode().replace("\n", "").isprintable()
    return repr(plain)[1:] if is_text else plain.hex()


def _shown(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _finding(what: What, path: str, detail: str) -> ImageFinding:
    return ImageFinding(package=SINGULARITY, path=path, layer="", what=what, detail=detail)
