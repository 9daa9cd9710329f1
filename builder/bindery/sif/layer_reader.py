"""A layer's archive as a stream of entries: headers parsed here, contents handed on in pieces, nothing unpacked.

Python's tarfile does the same, at four times the price. What Go's archive/tar reads, and so the engines, is read; a
name that leaves the tree, or that Linux would not take, is refused.

Source: POSIX.1-2001, pax; GNU tar's manual, "Basic Tar Format"; moby and containerd apply no global headers.
"""

from __future__ import annotations

import posixpath
import tarfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bindery.core import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Kind = Literal["file", "folder", "link", "hardlink", "pipe", "device"]

BLOCK = tarfile.BLOCKSIZE
AGAIN = "make, pull or save the image again"
_LARGEST_HEADER = 1 << 20  # what Go's archive/tar takes
_LONGEST_PATH, _LONGEST_NAME = 4096, 255
_BLANKS = 8 * 32  # eight spaces stand for the checksum while it is computed
_PRIME = 65521  # of Adler-32, whose lower half is one more than the sum of the bytes
_EXTENSIONS = frozenset({b"x", b"g", b"L", b"K"})
_KINDS: dict[bytes, Kind] = {
    b"0": "file",
    b"\0": "file",
    b"7": "file",
    b"5": "folder",
    b"2": "link",
    b"1": "hardlink",
    b"3": "device",
    b"4": "device",
    b"6": "pipe",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One member: its path below the root, without a slash at either end; empty for the root itself.

    ``mode`` is octal, twelve bits; ``target`` is what a link holds, or the path that a hard link is another name of.
    """

    path: str
    kind: Kind
    mode: int
    mtime_s: int
    size_bytes: int = 0
    target: str = ""


class LayerReader:
    """Iterates over the entries; while one is current, ``content`` yields its bytes, and what is not read is passed.

    Whatever goes wrong is a BadInput that says where.
    """

    def __init__(self, chunks: Iterable[bytes], where: str) -> None:
        self._chunks = iter(chunks)
        self._where = where
        self._chunk = b""
        self._at = 0
        self._left = 0  # of the current entry's content
        self._padding = 0

    def __iter__(self) -> Iterator[Entry]:
        """Yield the entries in their order; then everything behind the archive's end has been read as well."""
        extended: dict[str, str] = {}
        while (block := self._next_header()) is not None:
            kind = block[156:157]
            if kind in _EXTENSIONS:
                self._extend(extended, kind, _number(block[124:136], self.error))
                continue
            yield self._entry(block, kind, extended)
            extended = {}
        for _ in self._chunks:
            pass

    def content(self) -> Iterator[bytes]:
        """Yield the current entry's bytes, in pieces.

        Raises:
            BadInput: the archive ends before them.

        """
        while self._left:
            if self._at == len(self._chunk) and not self._fill():
                raise self.error("it ends in the middle of a file")
            piece = self._chunk[self._at : self._at + self._left]
            self._at += len(piece)
            self._left -= len(piece)
            yield piece

    def error(self, what: str, path: str = "") -> BadInput:
        """Return the error to raise about the archive, or about one path in it."""
        if path:
            return BadInput(what, f"{self._where}: {path}", AGAIN)
        return BadInput(f"its archive is damaged: {what}", self._where, AGAIN)

    def _next_header(self) -> bytes | None:
        self._pass_content()
        block = self._take(BLOCK)
        if len(block) < BLOCK:
            if block:
                raise self.error("it ends in the middle of a header")
            return None  # the two empty blocks at the end may be left out
        stored = block[148:156]
        total = (zlib.adler32(block) & 0xFFFF) - 1 - sum(stored) + _BLANKS
        said = _number(stored, self.error)
        # Sums of 512 bytes do not fit into Adler-32; what it leaves out is a multiple of its prime.
        if (total - said) % _PRIME or said > 512 * 255:
            if not block.strip(b"\0"):
                return None
            if said != _signed_sum(block):
                raise self.error("the checksum of a header is wrong")
        return block

    def _entry(self, block: bytes, kind_byte: bytes, extended: dict[str, str]) -> Entry:
        name = extended.get("path") or _name(block)
        kind = _KINDS.get(kind_byte)
        if kind_byte == b"S" or any(key.startswith("GNU.sparse") for key in extended):
            raise self.error("is stored with holes, as GNU's tar --sparse does", name)
        if kind is None:
            raise self.error(f"is of the unknown type {kind_byte!r}", name)
        if kind == "file" and kind_byte != b"7" and name.endswith("/"):
            kind = "folder"  # as the seventh edition's tar says it
        size = int(extended["size"]) if "size" in extended else _number(block[124:136], self.error)
        if kind == "file":
            if size < 0:
                raise self.error("has a negative size", name)
            self._left, self._padding = size, -size % BLOCK
        target = ""
        if kind in {"link", "hardlink"}:
            target = extended.get("linkpath") or _text(block[157:257])
            if kind == "hardlink":
                target = self._plain(target, f"is a hard link to {target}, which leaves the image", name)
        path = self._plain(name, "leaves the image", name)
        if not path and kind != "folder":
            raise self.error(f"is a {kind} where the root of the image is", name)
        return Entry(
            path=path,
            kind=kind,
            mode=_number(block[100:108], self.error) & 0o7777,
            mtime_s=_seconds(extended["mtime"]) if "mtime" in extended else _number(block[136:148], self.error),
            size_bytes=size if kind == "file" else 0,
            target=target,
        )

    def _extend(self, extended: dict[str, str], kind: bytes, size: int) -> None:
        if not 0 <= size <= _LARGEST_HEADER:
            raise self.error(f"a header of {size} bytes")
        data = self._take(size + -size % BLOCK)[:size]
        if len(data) < size:
            raise self.error("it ends in the middle of a header")
        match kind:
            case b"x":
                self._parse_records(extended, data)
            case b"L":
                extended["path"] = _text(data)
            case b"K":
                extended["linkpath"] = _text(data)
            case _:
                pass

    def _parse_records(self, extended: dict[str, str], data: bytes) -> None:
        while data:
            length, space, rest = data.partition(b" ")
            if not space or not length.isdigit() or len(length) > 7:
                raise self.error("a record without its length")
            end = int(length) - len(length) - 1
            key, equals, value = rest[:end].partition(b"=")
            if end > len(rest) or not equals or not value.endswith(b"\n"):
                raise self.error("a record that is not as long as it says")
            word = key.decode(errors="replace")
            if word == "size" and not value[:-1].isdigit():
                raise self.error(f"a record says that a size is {value[:-1]!r}")
            if value != b"\n":
                extended[word] = value[:-1].decode(errors="surrogateescape")
            data = rest[end:]

    def _plain(self, name: str, what: str, path: str) -> str:
        """Return the path below the root that the name stands for."""
        plain = name.strip("/") if name[:1] == "/" or name[-1:] == "/" else name
        if plain.startswith(".") or "/." in plain or "//" in plain:
            if _climbs(plain):
                raise self.error(what, path)
            plain = posixpath.normpath(plain)
            plain = "" if plain == "." else plain
        if len(plain) > _LONGEST_NAME // 4:
            raw = plain.encode(errors="surrogateescape")
            if len(raw) >= _LONGEST_PATH or max(map(len, raw.split(b"/"))) > _LONGEST_NAME:
                raise self.error("has a name that is longer than Linux takes", path)
        if "\0" in plain:
            raise self.error("has a NUL in its name", path.replace("\0", "\\0"))
        return plain

    def _pass_content(self) -> None:
        left = self._left + self._padding
        self._left = self._padding = 0
        while left:
            if self._at == len(self._chunk) and not self._fill():
                raise self.error("it ends in the middle of a file")
            step = min(left, len(self._chunk) - self._at)
            self._at += step
            left -= step

    def _take(self, size: int) -> bytes:
        """Return the next bytes, fewer only at the end of the stream."""
        end = self._at + size
        if end <= len(self._chunk):
            data, self._at = self._chunk[self._at : end], end
            return data
        parts = [self._chunk[self._at :]]
        missing = size - len(parts[0])
        self._at = len(self._chunk)
        while missing and self._fill():
            parts.append(self._chunk[:missing])
            self._at = len(parts[-1])
            missing -= self._at
        return b"".join(parts)

    def _fill(self) -> bool:
        self._chunk, self._at = next(self._chunks, b""), 0
        return bool(self._chunk)


def _number(field: bytes, error: Callable[[str], BadInput]) -> int:
    if field[0] & 0x80:  # GNU's way of writing large and negative numbers
        return int.from_bytes(field[1:]) if field[0] == 0x80 else int.from_bytes(field, signed=True)
    try:
        return int(field.split(b"\0")[0].strip() or b"0", 8)
    except ValueError as cause:
        raise error(f"a number that is {field!r}") from cause


def _seconds(text: str) -> int:
    try:
        return int(float(text))
    except (ValueError, OverflowError):
        return 0  # what cannot be read is as good as no time


def _name(block: bytes) -> str:
    name = _text(block[:100])
    # Only POSIX has the front of a long name there; older formats have times.
    if block[257:263] != b"ustar\0" or not block[345]:
        return name
    front = block[345:476] if block[508:512] == b"tar\0" else block[345:500]
    return f"{_text(front)}/{name}"


def _text(field: bytes) -> str:
    return field.split(b"\0")[0].decode(errors="surrogateescape")


def _climbs(path: str) -> bool:
    depth = 0
    for part in path.split("/"):
        depth += -1 if part == ".." else part not in {"", "."}
        if depth < 0:
            return True
    return False


def _signed_sum(block: bytes) -> int:
    """Return the checksum as some old programs compute it."""
    counted = block[:148] + b" " * 8 + block[156:]
    return sum(byte - (byte & 0x80) * 2 for byte in counted)
