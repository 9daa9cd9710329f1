"""What a person or a machine can do wrong, on the way that a person goes: an error that says so, a status, no rest."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.name_space import after_mounting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.acceptance.conftest import Bindery

    from bindery.core import Store

FULL = "the disk is full\n  fix: free some space, or set BINDERY_STORE\n"
DASK_PORTS = (8786, 8787)  # the scheduler's and the dashboard's, if nobody says otherwise


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """Return a project with one small notebook, as referenced."""
    folder = tmp_path / "plain"
    (folder / "notebooks").mkdir(parents=True)
    (folder / "bindery.toml").write_text("[test]\nworkers = 1\nmemory_per_worker = '1GiB'\n")
    output = {"output_type": "stream", "name": "stdout", "text": "3\n"}
    cell = {"cell_type": "code", "execution_count": 1, "id": "adds", "metadata": {}, "source": "print(1 + 2)"}
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    document = {"cells": [{**cell, "outputs": [output]}], "metadata": {"kernelspec": kernel}}
    (folder / "notebooks" / "adds.ipynb").write_text(json.dumps({**document, "nbformat": 4, "nbformat_minor": 5}))
    return folder


@pytest.fixture
def prefix(stack_python: Callable[[str], Path]) -> Path:
    return stack_python("3.11").parent.parent


@pytest.fixture
def taken_ports() -> Iterator[None]:
    """Hold the ports that Dask takes by default; where somebody else holds one, it is taken just as well."""
    sockets = [socket.socket() for _ in DASK_PORTS]
    for one, port in zip(sockets, DASK_PORTS, strict=True):
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            continue
        one.listen()
    yield
    for one in sockets:
        one.close()


@pytest.mark.usefixtures("taken_ports")
def test_taken_ports_are_left_to_who_has_them(bindery: Bindery, plain: Path, prefix: Path) -> None:
    done = bindery("test", "--prefix", prefix, "--quiet", cwd=plain)
    assert (done.returncode, done.stdout, done.stderr) == (0, "report/index.html\n", "")


def call_on_tmpfs(folder: Path, size: str, store: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """Return what ``bindery test`` says when the folder, also for temporary files, is a disk of this size."""
    folder.mkdir(exist_ok=True)
    script = f"\"$@\"; status=$?; ls '{folder}' >&2; exit $status"
    words = ("sh", "-c", script, "sh", sys.executable, "-m", "bindery", *words)
    return subprocess.run(
        after_mounting(f"mount -t tmpfs -o size={size} tmpfs '{folder}'", *words),
        cwd=folder.parent,
        env={**os.environ, "BINDERY_STORE": str(store), "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("size", ["4k", "12k"])
def test_a_full_disk_during_a_test_is_said_and_nothing_is_left(
    plain: Path, prefix: Path, test_store: Store, size: str
) -> None:
    done = call_on_tmpfs(plain / "t", size, test_store.root, "test", "--prefix", prefix, "--quiet")
    assert (done.returncode, done.stdout) == (4, ""), done.stderr
    assert done.stderr.startswith(f"error: {plain}/t/bindery-test-")
    assert done.stderr.endswith(f": {FULL}"), "and ls shows nothing"


def test_a_full_disk_when_packages_are_made_is_said_and_nothing_is_left(project: Path) -> None:
    store = project / "t"
    words = ["install", "pangeo", "--packages", "wheels", "--quiet"]
    done = call_on_tmpfs(store, "8m", store, *words)
    assert (done.returncode, done.stdout) == (4, ""), done.stderr
    assert done.stderr.startswith(f"error: {store}/interpreters/")
    assert done.stderr.endswith(f": {FULL}interpreters\n"), "and ls shows the folder, whose entry is not there"
