"""Tar archives whose bytes depend on their members alone: not on order, owner, time, umask or file system.

Source: POSIX.1-2001, pax; Python's tarfile writes the extended headers.
"""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

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
    """A file (``open`` gives ``size_bytes`` bytes), a symbolic link (``target``), or a folder (neither)."""

    path: str
    mode: int
    size_bytes: int = 0
    open: Callable[[], AbstractContextManager[Source]] | None = None
    target: str | None = None


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


def tidy_mode(mode: int) -> int:
    """Return 0755 if the owner may execute, else 0644: the rest of a mode is the umask of some machine."""
    return EXECUTABLE if mode & 0o100 else PLAIN


def write_tar(members: Iterable[TarMember], sink: Sink, *, epoch_s: int) -> None:
    """Write an archive of the members, sorted by path, all of the same time, owned by root.

    Raises:
        OSError: a file is shorter than it was said to be.

    """
    with tarfile.open(fileobj=sink, mode="w|", format=tarfile.PAX_FORMAT, bufsize=1 << 18) as archive:
        for member in sorted(members, key=lambda member: member.path.encode()):
            header = tarfile.TarInfo(member.path)
            header.mode, header.mtime = member.mode, epoch_s
            if member.target is not None:
                header.type, header.linkname = tarfile.SYMTYPE, member.target
                archive.addfile(header)
            elif member.open is None:
                header.type = tarfile.DIRTYPE
                archive.addfile(header)
            else:
                header.size = member.size_bytes
                with member.open() as stream:
                    archive.addfile(header, stream)
