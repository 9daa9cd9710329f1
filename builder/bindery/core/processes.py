"""Other programs, run in one way: a list of arguments, both pipes drained, a limit, killed as a group."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bindery.core.errors import ToolFailed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LAST_LINES = 20
GRACE_S = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """What a program that ended has printed."""

    status: int
    stdout: bytes
    stderr: bytes


def run_process(
    args: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    cwd: Path,
    timeout_s: float,
    stdin: bytes = b"",
    check: bool = True,
) -> Finished:
    """Return what the program printed, once it has ended.

    Raises:
        ToolFailed: it is not there, it took longer than ``timeout_s``, or (with ``check``) its status is not 0.

    """
    words = [str(word) for word in args]
    process = start_process(words, env=env, cwd=cwd)
    try:
        out, err = process.communicate(stdin, timeout=timeout_s)
    except subprocess.TimeoutExpired as expired:
        stop_process(process)
        raise ToolFailed(f"took longer than {timeout_s:g} s", " ".join(words)) from expired
    except BaseException:
        stop_process(process)
        raise
    if check and process.returncode != 0:
        raise ToolFailed(f"ended with status {process.returncode}{_last_lines(err or out)}", " ".join(words))
    return Finished(status=process.returncode, stdout=out, stderr=err)


def start_process(args: Sequence[str], *, env: Mapping[str, str], cwd: Path) -> subprocess.Popen[bytes]:
    """Return the running program, at the head of a process group of its own, with three pipes.

    Raises:
        ToolFailed: the program is not there or cannot be executed.

    """
    try:
        return subprocess.Popen(
            args,
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        folder = f" in {cwd}" if str(error.filename) == str(cwd) else ""
        raise ToolFailed(f"cannot be started{folder}: {error.strerror}", " ".join(args)) from error


def stop_process(process: subprocess.Popen[bytes], grace_s: float = GRACE_S) -> None:
    """End the program and everything it started: politely, then after ``grace_s`` for good."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(grace_s)
    except subprocess.TimeoutExpired:
        pass
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()


def end_processes_in(folder: Path) -> None:
    """Ask whatever of ours works in the folder to end, and wait for it, where the system shows what that is (Linux).

    A person's shell that is there stays: it does not listen.
    """
    folder = folder.resolve()
    asked = [process for process in Path("/proc").glob("[0-9]*") if _works_in(process, folder)]
    for process in asked:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(int(process.name), signal.SIGTERM)
    give_up_s = time.monotonic() + GRACE_S
    while any(_works_in(process, folder) for process in asked) and time.monotonic() < give_up_s:
        time.sleep(0.001)


def _works_in(process: Path, folder: Path) -> bool:
    """Answer whether the process of that folder of /proc has its current folder there; one that ended has none."""
    try:
        return (process / "cwd").readlink().is_relative_to(folder)
    except OSError:
        return False


def _last_lines(output: bytes) -> str:
    lines = output.decode(errors="replace").rstrip().splitlines()[-LAST_LINES:]
    return "".join(f"\n  | {line}" for line in lines)
