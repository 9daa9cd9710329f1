"""Servers that cannot outlive the tests: each in name spaces of its own for processes and mounts.

The kernel ends and unmounts everything in them with their first process, however the tests end.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_STOP_LIMIT_S = 60.0
_NAME_SPACES = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")


@contextmanager
def confined(
    words: Sequence[str | Path], log: Path, environ: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run the program while the context lasts; end it, and with it all that it started."""
    with log.open("wb") as said:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *_NAME_SPACES, *words],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            cwd=log.parent,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()
        first = [os.pidfd_open(int(child)) for child in children]
        process.kill()
        process.wait()
        for one in first:
            select.select([one], [], [], _STOP_LIMIT_S)
            os.close(one)


@contextmanager
def open_folder(kind: str) -> Iterator[Path]:
    """Give a folder that all users can read; what killed runs left of its kind is removed first."""
    remove_leftovers(kind)
    folder = Path(tempfile.mkdtemp(prefix=f"bindery-{kind}-{os.getpid()}-"))
    try:
        folder.chmod(0o755)
        yield folder
    finally:
        shutil.rmtree(folder)


def remove_leftovers(kind: str) -> None:
    """Remove the folders of that kind whose process is no longer there."""
    for folder in Path(tempfile.gettempdir()).glob(f"bindery-{kind}-*"):
        found = re.fullmatch(rf"bindery-{kind}-(\d+)-\w+", folder.name)
        if found and not Path("/proc", found[1]).exists():
            shutil.rmtree(folder, ignore_errors=True)
