"""Headers for the archive that becomes a file system: owned by root, and as short as they can be.

Source: GNU tar's manual, "Basic Tar Format": long names in entries of their own, large sizes in base 256. Both packers
read these; ``core.tarstreams`` writes what registries take, at five times the price.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bindery.sif.layer_reader import Kind

BLOCK = 512
END = bytes(2 * BLOCK)
_TYPES: Mapping[Kind, bytes] = {"file": b"0", "hardlink": b"1", "link": b"2", "folder": b"5", "pipe": b"6"}
_NAME_BYTES = 100
_LARGE = 8 << 30  # what eleven octal digits do not hold
_LAST_SECOND = (1 << 32) - 1  # squashfs has 32 bits for a time, and no time before 1970
_LONG = b"././@LongLink"


def encode_header(path: str, kind: Kind, *, mode: int, mtime_s: int, size_bytes: int = 0, target: str = "") -> bytes:
    """Return the header, with the blocks in front of it that hold long names."""
    name, link = path.encode(errors="surrogateescape"), target.encode(errors="surrogateescape")
    front = b""
    if len(link) > _NAME_BYTES:
        front = _long(b"K", link)
    if len(name) > _NAME_BYTES:
        front += _long(b"L", name)
    return front + _block(name, _TYPES[kind], mode, size_bytes, mtime_s, link)


def readable_mode(kind: Kind, mode: int) -> int:
    """Return the mode by which everybody may read, and nobody becomes another user: a SIF is run by whoever has it."""
    if kind == "folder":
        return mode | 0o755
    return mode & 0o777 | (0o555 if mode & 0o111 else 0o444)


def _long(kind: bytes, name: bytes) -> bytes:
    data = name + b"\0"
    return _block(_LONG, kind, 0, len(data), 0, b"") + data + bytes(-len(data) % BLOCK)


def _block(name: bytes, kind: bytes, mode: int, size: int, mtime_s: int, link: bytes) -> bytes:
    length = b"%011o\0" % size if size < _LARGE else b"\x80" + size.to_bytes(11)
    head = b"%b%07o\x000000000\x000000000\0%b%011o\0" % (
        name[:_NAME_BYTES].ljust(_NAME_BYTES, b"\0"),
        mode,
        length,
        min(max(mtime_s, 0), _LAST_SECOND),
    )
    tail = kind + link[:_NAME_BYTES].ljust(_NAME_BYTES, b"\0") + b"ustar  \0"
    # The lower half of an Adler-32 is one more than the sum of so few bytes.
    checksum = (zlib.adler32(head + b"        " + tail) & 0xFFFF) - 1
    return (head + b"%06o\0 " % checksum + tail).ljust(BLOCK, b"\0")
