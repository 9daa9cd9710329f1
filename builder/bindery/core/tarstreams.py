"""Tar archives whose bytes depend on their members alone: not on order, owner, time, umask or file system.

Source: POSIX.1-2001, pax. Python's tarfile encodes the headers.
"""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from bindery.core.digests import CHUNK_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager
    from pathlib import Path

EXECUTABLE = 0o755
PLAIN = 0o644


class Source(Protocol):
    """What a member's content is read from."""

    def read(self, size: int = -1, /) -> bytes:
        """Return at most so many of the bytes that are left, all of them if negative."""


class Sink(Protocol):
    """What an archive is written to: a file, a compressor, a digest."""

    def write(self, data: bytes, /) -> object:
        """Take the bytes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TarMember:
    """A file (``open`` gives ``size_bytes`` bytes), a symbolic link (``target``), a ``hardlink``, or a folder.

    ``hardlink`` is the path of another member, a file. Owners are numbers; nobody's name is written. A path that is not
    UTF-8 is given as Python gives it (PEP 383).
    """

    path: str
    mode: int
    size_bytes: int = 0
    open: Callable[[], AbstractContextManager[Source]] | None = None
    target: str | None = None
    hardlink: str | None = None
    uid: int = 0
    gid: int = 0


def bytes_member(path: str, data: bytes, mode: int = PLAIN) -> TarMember:
    """Return a file with this content."""
    return TarMember(path=path, mode=tidy_mode(mode), size_bytes=len(data), open=lambda: io.BytesIO(data))


def file_member(path: str, source: Path) -> TarMember:
    """Return a file with the content of the source, executable if its owner may execute that."""
    status = source.stat()
    return TarMember(
        path=path, mode=tidy_mode(status.st_mode), size_bytes=status.st_size, open=lambda: source.open("rb")
    )


def link_member(path: str, target: str) -> TarMember:
    """Return a symbolic link."""
    return TarMember(path=path, mode=0o777, target=target)


def folder_member(path: str) -> TarMember:
    """Return a folder."""
    return TarMember(path=path, mode=EXECUTABLE)


def hard_link_member(path: str, to: str, mode: int = PLAIN) -> TarMember:
    """Return another name of the member ``to``, whose mode it has to repeat."""
    return TarMember(path=path, mode=tidy_mode(mode), hardlink=to)


def tidy_mode(mode: int) -> int:
    """Return 0755 if the owner may execute, else 0644: the rest of a mode is the umask of some machine."""
    return EXECUTABLE if mode & 0o100 else PLAIN


def write_tar(members: Iterable[TarMember], sink: Sink, *, epoch_s: int) -> None:
    """Write an archive of the members, sorted by path, all of the same time; hard links come last.

    Raises:
        OSError: a file is shorter than it was said to be.

    """
    written = 0
    # A hard link can only be made to what has been unpacked.
    for member in sorted(members, key=lambda member: (member.hardlink is not None, _bytes(member.path))):
        header = _header(member, epoch_s)
        sink.write(header)
        written += len(header)
        if member.open is not None:
            with member.open() as stream:
                written += _copy(member, stream, sink)
    # Two empty blocks end an archive, and it is as long as a tape's record.
    sink.write(bytes(2 * tarfile.BLOCKSIZE + -(written + 2 * tarfile.BLOCKSIZE) % tarfile.RECORDSIZE))


def _header(member: TarMember, epoch_s: int) -> bytes:
    info = tarfile.TarInfo(member.path)
    info.mode, info.mtime, info.size = member.mode, epoch_s, member.size_bytes
    info.uid, info.gid = member.uid, member.gid
    if member.hardlink is not None:
        info.type, info.linkname = tarfile.LNKTYPE, member.hardlink
    elif member.target is not None:
        info.type, info.linkname = tarfile.SYMTYPE, member.target
    elif member.open is None:
        info.type = tarfile.DIRTYPE
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _bytes(path: str) -> bytes:
    return path.encode(errors="surrogateescape")


def _copy(member: TarMember, stream: Source, sink: Sink) -> int:
    left = member.size_bytes
    # An empty file is read as well: whoever watches the stream wants to see its end.
    data = stream.read(min(left, CHUNK_BYTES))
    while data:
        sink.write(data)
        left -= len(data)
        data = stream.read(min(left, CHUNK_BYTES)) if left else b""
    if left:
        raise OSError(f"{member.path}: ended {left} bytes before its size of {member.size_bytes}")
    padding = -member.size_bytes % tarfile.BLOCKSIZE
    sink.write(bytes(padding))
    return member.size_bytes + padding
