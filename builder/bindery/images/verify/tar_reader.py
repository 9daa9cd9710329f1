"""A tar archive as a stream: every entry with the digest of its content, and everything in it that is odd.

Nothing is unpacked, and one piece of it is in memory at a time. What Python's tarfile, Go's archive/tar and GNU tar
take for different things is an oddity: it may be there so that the checker sees another tree than the runtime.

Source: POSIX.1-2001, pax; GNU tar's manual, "Basic Tar Format"; Python's tarfile parses single headers.
"""

from __future__ import annotations

import hashlib
import posixpath
import tarfile
from typing import TYPE_CHECKING

from bindery.core import CHUNK_BYTES
from bindery.images.verify.entries import Keeps, Kind, LayerContent, Oddity, TarEntry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bindery.core.tarstreams import Source

_BLOCK = tarfile.BLOCKSIZE
_LARGEST_HEADER = 1 << 20  # what Go's archive/tar takes, and so the engines
_MAGIC, _PREFIX, _STAR = slice(257, 263), slice(345, 500), slice(508, 512)
_ATTRIBUTE = "SCHILY.xattr."
_KINDS: dict[bytes, Kind] = {
    tarfile.REGTYPE: "file",
    tarfile.AREGTYPE: "file",
    tarfile.CONTTYPE: "file",
    tarfile.DIRTYPE: "folder",
    tarfile.SYMTYPE: "link",
    tarfile.LNKTYPE: "hardlink",
    tarfile.CHRTYPE: "device",
    tarfile.BLKTYPE: "device",
    tarfile.FIFOTYPE: "pipe",
}
_LONG_NAME, _LONG_LINK, _LOCAL, _GLOBAL = tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, b"x", b"g"
_EXTENSIONS = frozenset({_LONG_NAME, _LONG_LINK, _LOCAL, _GLOBAL})
# What changes neither content nor place. Times are not compared.
_HARMLESS = frozenset({"atime", "ctime", "mtime", "uname", "gname", "comment", "LIBARCHIVE.creationtime", "charset"})


class _DamagedError(Exception):
    """Nothing behind this point can be trusted."""


def keep_nothing(path: str, size_bytes: int) -> bool:
    """Answer no."""
    del path, size_bytes
    return False


def read_layer(stream: Source, keeps: Keeps = keep_nothing) -> LayerContent:
    """Return what the archive holds; the stream is read to its end.

    A damaged archive is no error here: it is an oddity, and the entries before it are returned.

    Raises:
        BadInput: the stream itself says so, such as a decompressor's.

    """
    reader = _Reader(stream, keeps)
    entries: list[tuple[str, TarEntry]] = []
    try:
        entries.extend(reader.entries())
    except _DamagedError as error:
        reader.note("", f"its archive is damaged: {error}")
    reader.drain()
    return LayerContent(entries=tuple(entries), oddities=tuple(reader.oddities), sha256=reader.sha256, kept=reader.kept)


class _Reader:
    def __init__(self, stream: Source, keeps: Keeps) -> None:
        self._stream = stream
        self._keeps = keeps
        self._state = hashlib.sha256()
        self._chunk = b""
        self._at = 0
        self.oddities: list[Oddity] = []
        self.kept: dict[str, bytes] = {}

    @property
    def sha256(self) -> str:
        return self._state.hexdigest()

    def note(self, path: str, detail: str) -> None:
        self.oddities.append(Oddity(path=path, detail=detail))

    def entries(self) -> Iterator[tuple[str, TarEntry]]:
        extended = _Extended()
        while (header := self._header()) is not None:
            if header.type in _EXTENSIONS:
                self._extend(extended, header)
                continue
            yield self._entry(header, extended)
            extended = _Extended()
        if not extended.is_empty:
            self.note("", "its archive ends with a header that belongs to nothing")

    def drain(self) -> None:
        """Read to the end: an archive is followed by zeros, and by nothing else."""
        clean = not self.oddities or not self.oddities[-1].detail.startswith("its archive is damaged")
        while self._fill():
            if clean and self._chunk.count(0, self._at) != len(self._chunk) - self._at:
                self.note("", "there are bytes behind the end of its archive")
                clean = False
            self._at = len(self._chunk)

    def _header(self) -> tarfile.TarInfo | None:
        block = self._take(_BLOCK)
        if not block:
            return None  # the two empty blocks at the end may be left out
        try:
            header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            if len(block) == _BLOCK and not block.strip(b"\0"):
                return None
            raise _DamagedError(error) from error
        if (block[_MAGIC] != b"ustar\0" and block[_PREFIX].strip(b"\0")) or block[_STAR] == b"tar\0":
            # Only POSIX has the front of a long name there; the others have times, which tarfile takes for a name.
            self.note(header.name, "has a header of an old format, which programs read differently")
        return header

    def _extend(self, extended: _Extended, header: tarfile.TarInfo) -> None:
        if not 0 <= header.size <= _LARGEST_HEADER:
            raise _DamagedError(f"a header of {header.size} bytes")
        data = self._take(header.size + -header.size % _BLOCK)[: header.size]
        if len(data) < header.size:
            raise _DamagedError("it ends in a header")
        text = data.split(b"\0")[0].decode(errors="surrogateescape")
        match header.type:
            case tarfile.GNUTYPE_LONGNAME:
                twice, extended.long_name = bool(extended.long_name), text
            case tarfile.GNUTYPE_LONGLINK:
                twice, extended.long_link = bool(extended.long_link), text
            case _:
                records = _parse_records(data)
                if header.type == _GLOBAL:
                    # Python applies them to what follows, the engines do not.
                    if records.keys() - _HARMLESS:
                        self.note("", f"its archive has a global header for {', '.join(sorted(records))}")
                    return
                twice, extended.records = bool(extended.records), records
        if twice:
            self.note(text, "has two headers of the same kind")

    def _entry(self, header: tarfile.TarInfo, extended: _Extended) -> tuple[str, TarEntry]:
        records = extended.records
        # Which of the two wins differs; so neither may say anything else than the other.
        for long, record in ((extended.long_name, "path"), (extended.long_link, "linkpath")):
            if long and records.get(record) not in {None, long}:
                self.note(long, f"has two names, the other is {records[record]}")
        name = extended.long_name or records.get("path") or header.name
        target = extended.long_link or records.get("linkpath") or header.linkname
        path = self._plain(name)
        kind = _KINDS.get(header.type, "unknown")
        size = _number(records, "size", header.size)
        if size < 0 or header.mode < 0:
            raise _DamagedError(f"{path} has a negative number")
        self._note_strange(path, kind, header, records)
        sha256 = self._digest(size, path) if kind in {"file", "unknown"} else b""
        if kind not in {"file", "unknown"} and size:
            self.note(path, f"is a {kind} with a size of {size} bytes")
        if kind == "device":
            target = f"{'c' if header.type == tarfile.CHRTYPE else 'b'} {header.devmajor}:{header.devminor}"
        elif kind == "hardlink":
            target = self._plain(target)
        return path, TarEntry(
            kind=kind,
            mode=header.mode & 0o7777,
            owner=(_number(records, "uid", header.uid), _number(records, "gid", header.gid)),
            sha256=sha256,
            size_bytes=size if kind == "file" else 0,
            target=target if kind in {"link", "hardlink", "device"} else "",
            attributes=tuple(
                sorted(
                    (key.removeprefix(_ATTRIBUTE), value)
                    for key, value in records.items()
                    if key.startswith(_ATTRIBUTE)
                )
            ),
        )

    def _note_strange(self, path: str, kind: Kind, header: tarfile.TarInfo, records: dict[str, str]) -> None:
        if kind == "unknown":
            self.note(path, f"is of the unknown type {header.type!r}")
        known = {"path", "linkpath", "size", "uid", "gid", "hdrcharset"} | _HARMLESS
        for key in sorted(records.keys() - known):
            if not key.startswith(_ATTRIBUTE):
                self.note(path, f"has the header {key}, which not all programs know")

    def _plain(self, name: str) -> str:
        """Return the path below the image's root that the name stands for; empty for the root."""
        parts = name.split("/")
        if name.startswith("/"):
            self.note(name, "is an absolute path")
        if ".." in parts:
            self.note(name, "is a path that climbs")
        if "\0" in name:
            self.note(name, "is a path with a NUL in it")
        if name and "." not in parts and ".." not in parts and "" not in parts:
            return name
        return posixpath.normpath(f"/{name}").strip("/")

    def _digest(self, size: int, path: str) -> bytes:
        state = hashlib.sha256()
        kept = bytearray() if self._keeps(path, size) else None
        left = size
        while left:
            if self._at == len(self._chunk) and not self._fill():
                raise _DamagedError(f"it ends in {path}")
            piece = memoryview(self._chunk)[self._at : self._at + left]
            state.update(piece)
            if kept is not None:
                kept += piece
            self._at += len(piece)
            left -= len(piece)
        if kept is not None:
            self.kept[path] = bytes(kept)
        self._take(-size % _BLOCK)
        return state.digest()

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
        """Have a chunk with something left in it, if the stream has."""
        if self._at < len(self._chunk):
            return True
        self._chunk, self._at = self._stream.read(CHUNK_BYTES), 0
        self._state.update(self._chunk)
        return bool(self._chunk)


class _Extended:
    """What headers said of the entry that follows them."""

    def __init__(self) -> None:
        self.long_name = ""
        self.long_link = ""
        self.records: dict[str, str] = {}

    @property
    def is_empty(self) -> bool:
        return not (self.long_name or self.long_link or self.records)


def _parse_records(data: bytes) -> dict[str, str]:
    records: dict[str, str] = {}
    while data:
        length, space, rest = data.partition(b" ")
        if not space or not length.isdigit() or len(length) > 7:
            raise _DamagedError("a record without its length")
        end = int(length) - len(length) - 1
        key, equals, value = rest[:end].partition(b"=")
        if end > len(rest) or not equals or not value.endswith(b"\n"):
            raise _DamagedError("a record that is not as long as it says")
        name = key.decode(errors="surrogateescape")
        if name in records:
            raise _DamagedError(f"the record {name} twice")
        records[name] = value[:-1].decode(errors="surrogateescape")
        data = rest[end:]
    return records


def _number(records: dict[str, str], key: str, default: int) -> int:
    text = records.get(key, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 19:
        raise _DamagedError(f"the record {key} is {text!r}")
    return int(text)
