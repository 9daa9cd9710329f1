"""Other programs, run in one way: a list of arguments, both pipes drained, a limit, killed as a group."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bindery.core.errors import ToolFailed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

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


def _last_lines(output: bytes) -> str:
    lines = output.decode(errors="replace").rstrip().splitlines()[-LAST_LINES:]
    return "".join(f"\n  | {line}" for line in lines)
