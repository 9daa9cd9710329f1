"""The most memory that a program and all that it starts take together."""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from bindery.core import ToolFailed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BETWEEN_S = 0.05


def peak_bytes(words: Sequence[str | Path], *, env: Mapping[str, str], cwd: Path) -> int:
    """Return the most that the program's processes took at once; what they share is counted once.

    It is looked at every 50 ms; the kernel's own account of the largest process has no gaps, and counts if it is more.

    Raises:
        ToolFailed: the program failed.

    """
    with subprocess.Popen(
        [str(word) for word in words],
        env=dict(env),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    ) as process:
        most = 0
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            most = max(most, tree_bytes(process.pid))
            time.sleep(BETWEEN_S)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise ToolFailed(f"ended with status {process.returncode}", " ".join(map(str, words)))
    return max(most, usage.ru_maxrss * 1024)


def tree_bytes(root: int) -> int:
    """Return what a process and all that descend from it take now.

    Source: proc(5), ``/proc/pid/stat`` and ``/proc/pid/smaps_rollup``.
    """
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # a process may end while it is looked at
            fields = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            children.setdefault(int(fields[1]), []).append(int(path.parent.name))
    tree = [root]
    for pid in tree:  # it grows meanwhile
        tree.extend(children.get(pid, ()))
    return sum(map(process_bytes, tree))


def process_bytes(pid: int) -> int:
    """Return what a process takes now, 0 if it has ended; of what is shared, its part."""
    with suppress(OSError):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return 0
