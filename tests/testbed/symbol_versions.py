"""Programs of a newer Debian, made to run on this one.

A C library from 2.38 on gives programs that are compiled against it ``strtol`` and its like under new names, for the
sake of one notation of binary numbers. A program that asks for nothing else of that version runs on older libraries
once its symbols have their old names again and it no longer asks for the version.

Source: ELF gABI (sections, dynamic symbols); LSB core, 10.7 (symbol versions).
"""

from __future__ import annotations

import struct
from typing import NamedTuple

NEW_VERSION = b"GLIBC_2.38"
NEW_PREFIX = b"__isoc23_"
_DYNAMIC_SYMBOLS, _VERSIONS, _NEEDS = 11, 0x6FFFFFFF, 0x6FFFFFFE
_SYMBOL_BYTES = 24
_ANY_VERSION = 1


class _Section(NamedTuple):
    name: int
    type: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    align: int
    entry_size: int


class _Need(NamedTuple):
    at: int
    hash: int
    version: int
    name: int


def lower_version(program: bytes) -> bytes:
    """Return the program, a 64-bit little-endian ELF file, without need of ``NEW_VERSION``."""
    data = bytearray(program)
    sections = _sections(data)
    versions, symbols, needs = sections[_VERSIONS], sections[_DYNAMIC_SYMBOLS], sections[_NEEDS]
    lowered = _lower_needs(data, needs.offset, sections[-needs.link].offset)
    texts = sections[-symbols.link].offset
    for number in range(symbols.size // _SYMBOL_BYTES):
        version_at, symbol_at = versions.offset + 2 * number, symbols.offset + _SYMBOL_BYTES * number
        if struct.unpack_from("<H", data, version_at)[0] not in lowered:
            continue
        (name,) = struct.unpack_from("<I", data, symbol_at)
        assert data.startswith(NEW_PREFIX, texts + name), _text(data, texts + name)
        # The old name is the end of the new one, and the text stays where it is.
        struct.pack_into("<I", data, symbol_at, name + len(NEW_PREFIX))
        struct.pack_into("<H", data, version_at, _ANY_VERSION)
    return bytes(data)


def _sections(data: bytearray) -> dict[int, _Section]:
    """Return sections by type, and by their number below 0, as other sections call them."""
    (start,) = struct.unpack_from("<Q", data, 0x28)
    size, count = struct.unpack_from("<HH", data, 0x3A)
    found = [_Section(*struct.unpack_from("<IIQQQQIIQQ", data, start + size * number)) for number in range(count)]
    return {**{one.type: one for one in found}, **{-number: one for number, one in enumerate(found)}}


def _lower_needs(data: bytearray, offset: int, texts: int) -> set[int]:
    """Make needs of the new version needs of another version of the same library; return their numbers."""
    lowered = set()
    while True:
        _, count, _, first, following = struct.unpack_from("<HHIII", data, offset)
        needs, at = [], offset + first
        for _ in range(count):
            hashed, _, version, name, step = struct.unpack_from("<IHHII", data, at)
            needs.append(_Need(at=at, hash=hashed, version=version, name=name))
            at += step
        for need in needs:
            if _text(data, texts + need.name) == NEW_VERSION:
                other = next(one for one in needs if one.name != need.name)
                struct.pack_into("<I", data, need.at, other.hash)
                struct.pack_into("<I", data, need.at + 8, other.name)
                lowered.add(need.version)
        if not following:
            return lowered
        offset += following


def _text(data: bytearray, at: int) -> bytes:
    return bytes(data[at : data.index(0, at)])
