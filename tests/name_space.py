"""Disks of a test's own: mounted for one program, in a name space that needs no rights."""

from __future__ import annotations

import subprocess
from functools import cache
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

_NAME_SPACE = ("unshare", "--user", "--map-root-user", "--mount")


@cache
def _refusal() -> str:
    """Return why this machine mounts nothing for us, or nothing if it does; some containers do not."""
    probe = subprocess.run(
        [*_NAME_SPACE, "mount", "-t", "tmpfs", "tmpfs", "/tmp"],  # noqa: S108 - nobody else sees it
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if probe.returncode == 0 else probe.stderr.strip()


def after_mounting(mounts: str, *words: str | Path) -> list[str]:
    """Return the command that runs the words where the shell commands ``mounts`` have mounted something.

    Where the machine lets us mount nothing, the test that asks is skipped (which fails a run in CI).
    """
    if why := _refusal():
        pytest.skip(f"nothing can be mounted in a name space: {why}")
    return [*_NAME_SPACE, "sh", "-c", f'{mounts} && exec "$@"', "sh", *map(str, words)]
