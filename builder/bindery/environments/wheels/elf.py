"""What an ELF file asks of the machine: libraries, and versions of glibc's symbols.

Source: System V ABI, "Dynamic Section"; Linux Standard Base 5.0, "Symbol Versioning". 64 bit, little endian only.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

_MAGIC = b"\x7fELF\x02\x01"
_LOAD, _DYNAMIC = 1, 2
_NEEDED, _STRTAB, _VERNEED, _VERNEEDNUM = 1, 5, 0x6FFFFFFE, 0x6FFFFFFF
_HEADER = struct.Struct("<32xQ14xHH")  # what precedes; e_phoff; e_shoff, e_flags, e_ehsize; e_phentsize; e_phnum
_SEGMENT = struct.Struct("<II6Q")
_ENTRY = struct.Struct("<qQ")
_NEED = struct.Struct("<HHIII")
_SYMBOL = struct.Struct("<IHHII")
_GLIBC = re.compile(r"GLIBC_(\d+)\.(\d+)(?:\.\d+)?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Needs:
    """The libraries that a file names, and the highest glibc that its symbols ask for; (0, 0) for none."""

    libraries: tuple[str, ...]
    glibc: tuple[int, int]


def is_elf(start: bytes) -> bool:
    """Tell whether a file that starts with these bytes is one that ``parse_needs`` reads."""
    return start.startswith(_MAGIC)


def parse_needs(data: bytes) -> Needs:
    """Return what the ELF file needs; nothing if it is linked statically.

    Raises:
        ValueError: its tables point outside of it.

    """
    try:
        return _parse(data)
    except (struct.error, IndexError) as error:
        raise ValueError(f"not a whole ELF file: {error}") from error


def _parse(data: bytes) -> Needs:
    offset, entry_size, count = _HEADER.unpack_from(data)
    segments = [_SEGMENT.unpack_from(data, offset + index * entry_size) for index in range(count)]
    loads = [(start, place, size) for kind, _, place, start, _, size, _, _ in segments if kind == _LOAD]
    dynamic = next(((place, size) for kind, _, place, _, _, size, _, _ in segments if kind == _DYNAMIC), None)
    if dynamic is None:
        return Needs(libraries=(), glibc=(0, 0))
    tags: dict[int, int] = {}
    names: list[int] = []
    for place in range(dynamic[0], dynamic[0] + dynamic[1], _ENTRY.size):
        tag, value = _ENTRY.unpack_from(data, place)
        if tag == 0:
            break
        if tag == _NEEDED:
            names.append(value)
        tags[tag] = value
    if _STRTAB not in tags:
        return Needs(libraries=(), glibc=(0, 0))
    strings = _place(loads, tags[_STRTAB])
    libraries = tuple(_text(data, strings + name) for name in names)
    if _VERNEED not in tags:
        return Needs(libraries=libraries, glibc=(0, 0))
    versions = _needed_versions(data, _place(loads, tags[_VERNEED]), tags.get(_VERNEEDNUM, 0), strings)
    found = [(int(match[1]), int(match[2])) for match in map(_GLIBC.fullmatch, versions) if match]
    return Needs(libraries=libraries, glibc=max(found, default=(0, 0)))


def _needed_versions(data: bytes, place: int, count: int, strings: int) -> list[str]:
    versions = []
    for _ in range(count):
        _, symbols, _, first, following = _NEED.unpack_from(data, place)
        symbol = place + first
        for _ in range(symbols):
            _, _, _, name, next_symbol = _SYMBOL.unpack_from(data, symbol)
            versions.append(_text(data, strings + name))
            symbol += next_symbol
        place += following
    return versions


def _place(loads: list[tuple[int, int, int]], address: int) -> int:
    for start, place, size in loads:
        if start <= address < start + size:
            return place + address - start
    raise IndexError(f"address {address:#x} is in no segment")


def _text(data: bytes, place: int) -> str:
    end = data.index(b"\0", place)
    return data[place:end].decode(errors="replace")
