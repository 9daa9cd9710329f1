"""Files that others read: whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from bindery.core.errors import BadInput, ToolFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

_FULL = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "the disk quota is used up"}
_CLOSED = {errno.EROFS: "the file system is read-only", errno.EACCES: "permission denied"}


@contextmanager
def disk_errors(where: Path) -> Iterator[None]:
    """Turn a full or closed disk into an error that says so.

    Raises:
        ToolFailed: the disk is full, over quota or read-only, or a file on it belongs to somebody else.

    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise ToolFailed(_FULL[error.errno], str(where), "free some space, or set BINDERY_STORE") from error
        if error.errno in _CLOSED:
            fix = "see whose it is, or set BINDERY_STORE to a folder of yours"
            raise ToolFailed(_CLOSED[error.errno], str(error.filename or where), fix) from error
        raise


def write_file(path: Path, data: bytes | str, mode: int = 0o644) -> None:
    """Put the data at the path in one step: a reader sees the old file or the new one.

    Raises:
        ToolFailed: the disk is full or cannot be written; the old file is still there.

    """
    raw = data.encode() if isinstance(data, str) else data
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(raw)
                stream.flush()
                os.fsync(stream.fileno())
            part.replace(path)
        except BaseException:
            with suppress(OSError):
                part.unlink()
            raise


def remove_tree(path: Path) -> None:
    """Leave nothing at the path, whatever the modes below it are."""

    def unlock(function: object, name: str, error: BaseException) -> None:
        del function
        if isinstance(error, FileNotFoundError):
            return
        parent = Path(name).parent
        for locked in (parent, Path(name)):
            if not locked.is_symlink():
                with suppress(OSError):
                    locked.chmod(stat.S_IRWXU)
        if Path(name).is_dir() and not Path(name).is_symlink():
            shutil.rmtree(name, ignore_errors=True)
        else:
            Path(name).unlink(missing_ok=True)

    if path.is_dir() and not path.is_symlink():
        # TODO: use onexc alone when Python 3.11 is gone; it only knows onerror.
        shutil.rmtree(path, onerror=lambda function, name, info: unlock(function, name, info[1]))
    else:
        path.unlink(missing_ok=True)


def inner_path(text: str, where: str) -> PurePosixPath:
    """Return the relative path that the text names, if it stays in its folder.

    Raises:
        BadInput: it is empty, absolute, or climbs out.

    """
    path = PurePosixPath(text)
    if not path.parts or path.is_absolute() or ".." in path.parts or "\0" in text:
        raise BadInput(f"the path {text!r} leaves its folder", where)
    return path
