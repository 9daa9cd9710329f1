"""conda's two archive formats, read as streams: what is in a package before anything of it is unpacked.

Source: conda's documentation, "Package specification"; conda CEP 2, "Package format 2".
"""

from __future__ import annotations

import hashlib
import tarfile
import zipfile
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Protocol, cast

import zstandard

from bindery.core import CHUNK_BYTES, BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

INFO = "info/"
_FIX = "remove it, and run the command again"
_BROKEN = (tarfile.TarError, zipfile.BadZipFile, zstandard.ZstdError, EOFError, OSError, KeyError)


class _Headers(Protocol):
    """What a TarFile has read; its type leaves this out."""

    members: list[tarfile.TarInfo]


def read_info(path: Path, names: frozenset[str]) -> dict[str, bytes]:
    """Return those of the named files (``info/index.json`` and so on) that the package has.

    Raises:
        BadInput: it is not a package, or it ends too early.

    """
    found: dict[str, bytes] = {}
    with _open_tar(path, "info-") as tar:
        for member in _members(tar, path):
            name = plain_name(member)
            if name in names and member.isreg():
                found[name] = read_member(tar, member, path)
                if len(found) == len(names):
                    break
    return found


@contextmanager
def open_payload(path: Path) -> Iterator[tuple[tarfile.TarFile, Iterator[tarfile.TarInfo]]]:
    """Yield the stream of what the package installs, and its members in their order, without folders.

    Raises:
        BadInput: it is not a package, or it ends too early.

    """
    with _open_tar(path, "pkg-") as tar:
        yield (
            tar,
            (
                member
                for member in _members(tar, path)
                if not member.isdir() and not (_is_old(path) and plain_name(member).startswith(INFO))
            ),
        )


def plain_name(member: tarfile.TarInfo) -> str:
    """Return the member's name without the ``./`` that some archivers put before it."""
    return member.name.removeprefix("./")


def read_member(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> bytes:
    """Return the bytes of the member that the stream stands at.

    Raises:
        BadInput: the package ends before them.

    """
    try:
        stream = tar.extractfile(member)
        return b"" if stream is None else stream.read()
    except _BROKEN as error:
        raise _broken(path, error) from error


def digest_member(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> tuple[str, int]:
    """Return the sha256 (hex) and the size of the member that the stream stands at.

    Raises:
        BadInput: the package ends before its end.

    """
    state, size_bytes = hashlib.sha256(usedforsecurity=False), 0
    try:
        stream = tar.extractfile(member)
        while stream is not None and (chunk := stream.read(CHUNK_BYTES)):
            state.update(chunk)
            size_bytes += len(chunk)
    except _BROKEN as error:
        raise _broken(path, error) from error
    return state.hexdigest(), size_bytes


def _is_old(path: Path) -> bool:
    return path.name.endswith(".tar.bz2")


@contextmanager
def _open_tar(path: Path, part: str) -> Iterator[tarfile.TarFile]:
    with ExitStack() as stack:
        try:
            tar = stack.enter_context(_old_tar(path) if _is_old(path) else _new_tar(path, part, stack))
        except _BROKEN as error:
            raise _broken(path, error) from error
        yield tar


def _old_tar(path: Path) -> tarfile.TarFile:
    return tarfile.open(path, "r|bz2", bufsize=CHUNK_BYTES)


def _new_tar(path: Path, part: str, stack: ExitStack) -> tarfile.TarFile:
    archive = stack.enter_context(zipfile.ZipFile(path))
    names = [name for name in archive.namelist() if name.startswith(part) and name.endswith(".tar.zst")]
    if len(names) != 1:
        raise BadInput(f"is not a conda package: it has {len(names)} parts named {part}*.tar.zst", str(path))
    packed = stack.enter_context(archive.open(names[0]))
    plain = stack.enter_context(zstandard.ZstdDecompressor().stream_reader(packed, read_size=CHUNK_BYTES))
    return tarfile.open(fileobj=plain, mode="r|", bufsize=CHUNK_BYTES)


def _members(tar: tarfile.TarFile, path: Path) -> Iterator[tarfile.TarInfo]:
    while True:
        try:
            member = tar.next()
        except _BROKEN as error:
            raise _broken(path, error) from error
        if member is None:
            return
        yield member
        # A stream keeps every header that it has read; a package can have 100,000.
        cast("_Headers", tar).members.clear()


def _broken(path: Path, error: BaseException) -> BadInput:
    return BadInput(f"is not a whole conda package: {error}", str(path), _FIX)
