"""What tests of SIFs share: one of the environment ``hpc``, which is dear to make and is made once on a machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.conftest import ROOT, find_python
from tests.images.conftest import debian_base_lock

from bindery.core import NoProgress, digest_bytes
from bindery.images import read_image, store_layout
from bindery.sif import convert_image, inspect_metadata, singularity_members
from bindery.sif.convert import FORMAT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.testbed.apptainer import Apptainer

    from bindery.core import Store
    from bindery.images import Image

__all__ = ["debian_base_lock"]  # a fixture that other tests have as well

IMAGE = "bindery-tests/hpc:1"
KIND = "test-sifs"


@pytest.fixture(scope="session")
def hpc_image(test_store: Store, debian_base_lock: Path, tmp_path_factory: pytest.TempPathFactory) -> Image:
    """Return the image of ``environments/hpc`` in wheels, with this repository's notebooks in /srv/repo."""
    project = tmp_path_factory.mktemp("hpc") / "project"
    left_out = shutil.ignore_patterns("input", "__pycache__", ".*", "releases", "ml")
    for name in ("environments", "notebooks"):
        shutil.copytree(ROOT / name, project / name, ignore=left_out)
    shutil.copyfile(ROOT / "bindery.toml", project / "bindery.toml")
    shutil.copyfile(debian_base_lock, project / "environments" / "hpc" / "base.lock")
    making = ["--packages", "wheels", "--python", str(find_python("3.11")), "--repo-dir", "/srv/repo"]
    subprocess.run(
        [sys.executable, "-m", "bindery", "build", "hpc", *making, "--tag", IMAGE, "--quiet"],
        cwd=project,
        env={**os.environ, "BINDERY_STORE": str(test_store.root)},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return read_image(store_layout(test_store), IMAGE)


@pytest.fixture(scope="session")
def hpc_sif(hpc_image: Image, test_store: Store, apptainer: Apptainer) -> Path:
    """Return the SIF of ``hpc_image``, which every user can read; it is made again when other bytes would come out."""

    def build(work: Path) -> None:
        work.mkdir(exist_ok=True)
        convert_image(hpc_image, work / "hpc.sif", progress=NoProgress())

    made = test_store.ensure(KIND, _key(hpc_image), build)
    _remove_older(made)
    return apptainer.share(made / "hpc.sif")


def _key(image: Image) -> str:
    """Return what stands for the file's bytes: the image, what is laid over it, and how it is written."""
    config = image.config
    parts = [str(FORMAT).encode(), config.raw, inspect_metadata(config, b"")]
    for member in singularity_members(config):
        parts.append(f"{member.path} {member.mode:o} {member.target}".encode())
        if member.open is not None:
            with member.open() as stream:
                parts.append(stream.read())
    return digest_bytes(b"\0".join(parts)).hex


def _remove_older(made: Path) -> None:
    """Leave the two files that were made last, and this one."""
    others = [one for one in made.parent.iterdir() if one != made and not one.name.startswith(".")]
    for one in sorted(others, key=lambda one: one.stat().st_mtime)[:-2]:
        shutil.rmtree(one, ignore_errors=True)
