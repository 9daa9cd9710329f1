"""``bindery`` as a program, in the store that all tests share."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bindery.cli.main import LazyGroup

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bindery.core import Store

_MEASURED = Path(__file__).with_name("memory.py")


def run_bindery(
    store: Store,
    *words: str,
    cwd: Path | None = None,
    environ: Mapping[str, str] | None = None,
    status: int = 0,
    peak: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Return what the command said with these variables added; any status but this one fails the test.

    ``peak`` is a file in which the most memory that it took is written, in KiB.
    """
    program = ["-m", "bindery"] if peak is None else ["-P", str(_MEASURED), str(peak)]
    done = subprocess.run(
        [sys.executable, *program, *words],
        cwd=cwd,
        env={**os.environ, **(environ or {}), "BINDERY_STORE": str(store.root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stderr + done.stdout
    return done


def take_command(words: str) -> None:
    """Parse what somebody types behind ``bindery``; a command or an option that there is not fails the test."""
    name, *rest = shlex.split(words)
    command = LazyGroup("bindery").get_command(click.Context(click.Command("bindery")), name)
    assert command is not None, name
    command.make_context(name, rest)
