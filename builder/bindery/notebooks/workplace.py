"""The temporary folder of one run. What a killed run left behind is removed by the next one."""

from __future__ import annotations

import fcntl
import os
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from bindery.core import disk_errors, remove_tree

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFIX = "bindery-test-"
LOCK = "lock"


@contextmanager
def make_workplace(parent: Path | None = None) -> Iterator[Path]:
    """Hold a new folder (0700) that nobody else uses, and remove it at the end.

    Raises:
        ToolFailed: the disk is full or cannot be written.

    """
    parent = Path(tempfile.gettempdir()) if parent is None else parent
    _remove_abandoned(parent)
    with disk_errors(parent):
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        with suppress(OSError):  # a file system without locks: then nobody removes it but us
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield folder
    finally:
        os.close(lock)
        remove_tree(folder)


def _remove_abandoned(parent: Path) -> None:
    for folder in parent.glob(f"{PREFIX}*"):
        # A folder without a lock file is one that is being made just now.
        with suppress(OSError):
            if folder.stat().st_uid != os.getuid():
                continue
            lock = os.open(folder / LOCK, os.O_RDWR)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove_tree(folder)
            finally:
                os.close(lock)
