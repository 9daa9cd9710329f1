"""The programs that turn an archive into a squashfs file: whichever this machine has, called so that bytes repeat.

``tar2sqfs`` (squashfs-tools-ng) is preferred: its memory is bounded, and its file is the same on any number of cores.
``mksquashfs`` (squashfs-tools 4.5) does the same work with another layout of the same files; its sibling ``sqfstar``
takes no compression level.
"""

from __future__ import annotations

import errno
import fcntl
import io
import os
import shutil
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bindery.core import ToolFailed, start_process, stop_process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from subprocess import Popen
    from typing import IO, BinaryIO

    from bindery.core.tarstreams import Sink

SquashCompression = Literal["gzip", "zstd"]

LEVELS: Mapping[SquashCompression, int] = {"gzip": 1, "zstd": 3}
_BUFFER_BYTES = 1 << 20
_LAST_LINES = 5
_PROBE_BYTES = 4 << 20
_FULL = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "the disk quota is used up"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Squashing:
    """How a file is to be packed; ``epoch_s`` is the time that it gives for itself, ``root_`` the highest folder's."""

    compression: SquashCompression
    processors: int
    epoch_s: int
    root_mode: int = 0o755
    root_mtime_s: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Squasher:
    """A program that packs, and where it is."""

    name: str
    path: str

    def command(self, squashing: Squashing, file: Path) -> list[str]:
        """Return the words that pack an archive on stdin into the file."""
        return [self.path, *_ARGUMENTS[self.name](squashing, str(file))]


def _tar2sqfs(one: Squashing, file: str) -> list[str]:
    level = ["-c", one.compression, "-X", f"level={LEVELS[one.compression]}"]
    # What it cannot read is an error; nobody's attributes; a few blocks of 128 KiB in waiting for each core.
    return ["-q", "-f", "-s", "-x", *level, "-j", str(one.processors), "-Q", str(8 * one.processors), file]


def _mksquashfs(one: Squashing, file: str) -> list[str]:
    level = ["-comp", one.compression, "-Xcompression-level", str(LEVELS[one.compression])]
    options = ["-noappend", "-quiet", "-no-progress", "-no-xattrs", "-processors", str(one.processors), "-mem", "128M"]
    # It takes everything from the archive but the highest folder.
    root = ["-root-mode", f"{one.root_mode:o}", "-root-time", str(one.root_mtime_s), "-root-uid", "0", "-root-gid", "0"]
    return ["-", file, "-tar", *options, *root, *level]


_ARGUMENTS: Mapping[str, Callable[[Squashing, str], list[str]]] = {
    "tar2sqfs": _tar2sqfs,
    "mksquashfs": _mksquashfs,
}


def find_squasher(environ: Mapping[str, str]) -> Squasher:
    """Return the first of the programs that is on PATH.

    Raises:
        ToolFailed: none is.

    """
    for name in _ARGUMENTS:
        path = shutil.which(name, path=environ.get("PATH", ""))
        if path is not None:
            return Squasher(name=name, path=path)
    raise ToolFailed(
        f"none of {', '.join(_ARGUMENTS)} is on PATH",
        fix="install squashfs-tools-ng, or squashfs-tools 4.5 or newer",
    )


@contextmanager
def run_squasher(squasher: Squasher, squashing: Squashing, file: Path, environ: Mapping[str, str]) -> Iterator[Sink]:
    """Yield where the archive goes; once the context has ended, the file is a squashfs file.

    Raises:
        ToolFailed: the program cannot be started, fails, or the disk is full.

    """
    clean = {"PATH": environ.get("PATH", ""), "LC_ALL": "C", "SOURCE_DATE_EPOCH": str(squashing.epoch_s)}
    process = start_process(squasher.command(squashing, file), env=clean, cwd=file.parent)
    sink = _buffered(process)
    said: list[bytes] = []
    listeners = [_listen(process.stdout, said), _listen(process.stderr, said)]
    try:
        yield sink
        sink.close()
        process.wait()
    except BrokenPipeError:
        process.wait()  # it has ended early, and says why
    finally:
        if process.poll() is None:
            process.kill()
        for listener in listeners:
            listener.join()
        with suppress(OSError):
            sink.close()
        stop_process(process)
    if process.returncode:
        raise _failure(squasher, process.returncode, b"".join(said).decode(errors="replace"), file)


def _buffered(process: Popen[bytes]) -> BinaryIO:
    assert isinstance(process.stdin, io.BufferedWriter)  # noqa: S101 - three pipes were asked for
    pipe = process.stdin.detach()
    process.stdin = None
    with suppress(OSError):  # a limit of the system; the pipe is as good as it was
        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _BUFFER_BYTES)
    return io.BufferedWriter(pipe, _BUFFER_BYTES)


def _listen(pipe: IO[bytes] | None, said: list[bytes]) -> threading.Thread:
    assert pipe is not None  # noqa: S101 - three pipes were asked for

    def listen() -> None:
        said.extend(iter(lambda: pipe.read(1 << 16), b""))

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    return thread


def _failure(squasher: Squasher, status: int, said: str, file: Path) -> ToolFailed:
    # tar2sqfs calls a full disk an I/O error; the disk itself says more.
    try:
        with file.open("ab") as stream:
            stream.write(bytes(_PROBE_BYTES))
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        if error.errno in _FULL:
            return ToolFailed(
                _FULL[error.errno], str(file.parent), "free some space, or write to another folder with -o"
            )
    lines = said.strip().splitlines()[-_LAST_LINES:]
    shown = "".join(f"\n  | {line}" for line in lines)
    return ToolFailed(f"ended with status {status}{shown}", squasher.name)
