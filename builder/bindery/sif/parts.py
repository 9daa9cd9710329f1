"""Large files made beside the place that they take in the end, in one step; striped where the file system can.

What a killed process leaves has a name of its own, and nobody's lock: the next process that makes the same file removes
it.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import secrets
import shutil
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO

from bindery.core import CHUNK_BYTES, ToolFailed, run_process

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

STRIPES, STRIPE_SIZE = "8", "4M"
_MODE = 0o755  # what the umask leaves of it; a SIF starts itself where a kernel knows how
_INSERT_RANGE = 0x20  # linux/falloc.h
_COPY_BYTES = 1 << 30
_LIMIT_S = 60.0
_FIX = "free some space, or write to another folder with -o"
_CAUSES = {
    errno.ENOSPC: ("the disk is full", _FIX),
    errno.EDQUOT: ("the disk quota is used up", _FIX),
    errno.EROFS: ("the file system is read-only", "write to another folder with -o"),
    errno.EACCES: ("permission denied", "write to another folder with -o"),
    errno.ENOENT: ("there is no such folder", "make it, or write to another folder with -o"),
    errno.ENOTDIR: ("is not a folder", "write to another folder with -o"),
}
_OWN: set[Path] = set()


@contextmanager
def part_beside(target: Path, environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield an empty file in the target's folder, which is removed with the context unless it was put in place.

    Raises:
        ToolFailed: the folder is not there, is full, or cannot be written.

    """
    folder = target.absolute().parent
    part = folder / f".{target.name}.{secrets.token_hex(4)}.part"
    _OWN.add(part)
    try:
        with _folder_errors(folder):
            _remove_left_over(folder, target.name)
            descriptor = _open_part(part, environ)
            try:
                yield part
            finally:
                os.close(descriptor)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        _OWN.discard(part)


def _open_part(part: Path, environ: Mapping[str, str]) -> int:
    while True:
        _stripe(part, environ)
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT, _MODE)
        with suppress(OSError):  # where there are no locks, what is left over stays
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if part.exists():
            return descriptor
        os.close(descriptor)  # somebody took it for left over between the two calls


@contextmanager
def prepended(front: bytes, part: Path, target: Path, environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield a file that has these whole pages, and then what the part has.

    It is the part itself where the file system can shift what is in a file, as ext4 and XFS do; else a copy, and the
    part is gone.
    """
    with part.open("r+b") as stream:
        is_shifted = _shift(stream.fileno(), len(front))
        if is_shifted:
            stream.write(front)
    if is_shifted:
        yield part
        return
    with part_beside(target, environ) as whole:
        with whole.open("wb") as stream, part.open("rb") as content:
            stream.write(front)
            stream.flush()
            _copy(content, stream)
        part.unlink()
        yield whole


def put_in_place(part: Path, target: Path) -> None:
    """Let the file have the target's place: whoever opens that sees the old one or the new one, whole."""
    with part.open("rb") as stream:
        os.fsync(stream.fileno())
    part.replace(target)


@contextmanager
def _folder_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _CAUSES:
            raise
        what, fix = _CAUSES[error.errno]
        raise ToolFailed(what, str(folder), fix) from error


def _shift(descriptor: int, length: int) -> bool:
    """Answer whether so many bytes of room are in front of what the file holds."""
    fallocate = getattr(ctypes.CDLL(None, use_errno=True), "fallocate", None)
    if fallocate is None:
        return False
    status: int = fallocate(descriptor, _INSERT_RANGE, ctypes.c_longlong(0), ctypes.c_longlong(length))
    return status == 0


def _copy(source: BinaryIO, sink: BinaryIO) -> None:
    with suppress(OSError):  # not between all file systems; what was copied is not copied again
        # The file system may share the blocks, or its server copy them.
        while os.copy_file_range(source.fileno(), sink.fileno(), _COPY_BYTES):
            pass
        return
    shutil.copyfileobj(source, sink, CHUNK_BYTES)


def _stripe(part: Path, environ: Mapping[str, str]) -> None:
    """Make the file with several stripes where the folder is on Lustre: many nodes read it at once."""
    lfs = shutil.which("lfs", path=environ.get("PATH", ""))
    if lfs is None:
        return
    asked = run_process(
        [lfs, "getstripe", "--directory", part.parent], env=environ, cwd=part.parent, timeout_s=_LIMIT_S, check=False
    )
    if asked.status == 0:
        words = [lfs, "setstripe", "--stripe-count", STRIPES, "--stripe-size", STRIPE_SIZE, str(part)]
        run_process(words, env=environ, cwd=part.parent, timeout_s=_LIMIT_S)


def _remove_left_over(folder: Path, name: str) -> None:
    parts = {one for one in folder.iterdir() if one.name.startswith(f".{name}.") and one.name.endswith(".part")}
    for part in parts - _OWN:
        with suppress(OSError):  # somebody writes it, or it is somebody else's
            descriptor = os.open(part, os.O_RDWR)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                part.unlink()
            finally:
                os.close(descriptor)
