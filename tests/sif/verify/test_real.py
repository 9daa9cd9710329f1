"""A SIF of a real environment is as its lock makes it, and the command says so, in bounded memory."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.conftest import ROOT, find_python

if TYPE_CHECKING:
    from pathlib import Path

    from bindery.core import Store

pytestmark = pytest.mark.testbed


@pytest.fixture(scope="module")
def project(debian_base_lock: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the project that ``hpc_sif`` was built in, made again."""
    folder = tmp_path_factory.mktemp("verified") / "project"
    left_out = shutil.ignore_patterns("input", "__pycache__", ".*", "releases", "ml")
    for name in ("environments", "notebooks"):
        shutil.copytree(ROOT / name, folder / name, ignore=left_out)
    shutil.copyfile(ROOT / "bindery.toml", folder / "bindery.toml")
    shutil.copyfile(debian_base_lock, folder / "environments" / "hpc" / "base.lock")
    return folder


def verify(sif: Path, project: Path, store: Store) -> subprocess.CompletedProcess[str]:
    words = ["verify", str(sif), "--json", "--python", str(find_python("3.11")), "--repo-dir", "/srv/repo"]
    return subprocess.run(
        [sys.executable, "-m", "bindery", *words],
        cwd=project,
        env={**os.environ, "BINDERY_STORE": str(store.root)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_is_as_the_lock_makes_it_and_nothing_else_is(
    hpc_sif: Path, project: Path, test_store: Store, tmp_path: Path
) -> None:
    done = verify(hpc_sif, project, test_store)
    assert done.returncode == 0, done.stderr + done.stdout
    document = json.loads(done.stdout)
    assert (document["of"], document["complete"], document["signed"], document["findings"]) == ("hpc", True, False, [])
    assert done.stderr.splitlines()[-1] == f"hpc: {hpc_sif}: as the lock makes it"
    spoiled = tmp_path / "spoiled.sif"
    shutil.copyfile(hpc_sif, spoiled)
    with spoiled.open("r+b") as file:
        file.seek(48)
        file.write(b"another one's ID")
    done = verify(spoiled, project, test_store)
    assert done.returncode == 1
    assert [one["path"] for one in json.loads(done.stdout)["findings"]] == ["sif.header.uuid"]
