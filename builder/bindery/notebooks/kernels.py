"""Kernels of the environment under test, whatever kernels the user has registered."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen, TimeoutExpired
from typing import TYPE_CHECKING

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LEASH = Path(__file__).with_name("leash.py")
LAST_LINES = 20
REAP_S = 5.0
SOCKET_PATH_LIMIT = 100  # of 107 that Linux has, and 103 that macOS has


@dataclass(frozen=True, kw_only=True, slots=True)
class KernelPlace:
    """Where one kernel runs: its interpreter, its variables, its working folder, and a folder for its sockets."""

    python: Path
    environ: Mapping[str, str]
    cwd: Path
    folder: Path

    @property
    def errors(self) -> Path:
        """What the kernel's process itself prints; a notebook's own output is not there."""
        return self.folder / "output.txt"

    @property
    def status(self) -> Path:
        """The kernel's exit status, once it has ended by itself."""
        return self.folder / "status"


class _OneSpec(KernelSpecManager):
    """Knows one kernel, by every name."""

    def __init__(self, spec: KernelSpec) -> None:
        super().__init__()
        self._spec = spec

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """Return it."""
        del kernel_name
        return self._spec


def make_manager(place: KernelPlace) -> AsyncKernelManager:
    """Return the manager of a kernel that is not started yet.

    The kernel dies with this process (``leash.py``). It listens on sockets in a folder that only its user can enter,
    where their paths are short enough, and on 127.0.0.1 with signed messages where they are not.
    """
    words = [sys.executable, "-I", "-S", str(LEASH), str(place.status)]
    words += [str(place.python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = KernelSpec(argv=words, display_name="Python 3", language="python")
    manager = AsyncKernelManager(
        kernel_name="python3",
        kernel_spec_manager=_OneSpec(spec),
        connection_file=str(place.folder / "connection.json"),
        shutdown_wait_time=2.0,
    )
    sockets = place.folder / "s"
    if len(str(sockets)) < SOCKET_PATH_LIMIT:
        manager.transport = "ipc"
        manager.ip = str(sockets)
    return manager


def last_lines(place: KernelPlace) -> str:
    """Return the last lines that the kernel's process printed, each on a line of its own, marked."""
    try:
        text = place.errors.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    return "".join(f"\n  | {line}" for line in text.rstrip().splitlines()[-LAST_LINES:])


def read_status(place: KernelPlace) -> int | None:
    """Return how the kernel ended, negative for a signal; None if it did not end by itself."""
    try:
        return int(place.status.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None


def describe_status(status: int | None) -> str:
    """Return the status in words."""
    if status is None:
        return "it was killed"
    if status < 0:
        try:
            name = signal.Signals(-status).name
        except ValueError:
            name = "unknown"
        return f"signal {-status} ({name}) ended it"
    return f"it ended with status {status}"


@contextmanager
def hold_leash() -> Iterator[int]:
    """Yield a file descriptor for the kernel's stdin: when the context or this process ends, the kernel is killed."""
    reading, writing = os.pipe()
    try:
        yield reading
    finally:
        os.close(writing)
        os.close(reading)


def kill_kernel(manager: AsyncKernelManager) -> None:
    """Kill the kernel and everything that it started. From any thread, at any time."""
    process: Popen[bytes] | None = getattr(manager.provisioner, "process", None)
    if process is None:
        return
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)  # the leash leads the group
    with suppress(TimeoutExpired):
        process.wait(REAP_S)
