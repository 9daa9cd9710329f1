"""The environment ``hpc`` as an image and as a SIF, which are dear to make and are made once on a machine."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from tests.command import run_bindery

from bindery.core import digest_bytes
from bindery.images import read_image, store_layout
from bindery.sif import inspect_metadata, singularity_members
from bindery.sif.convert import FORMAT

if TYPE_CHECKING:
    from bindery.core import Store
    from bindery.images import Image

ROOT = Path(__file__).parent.parent
IMAGE = "bindery-tests/hpc:1"
KIND = "test-sifs"
SIF, PEAK = "hpc.sif", "peak-kib"


def copy_project(folder: Path, base_lock: Path) -> Path:
    """Return a copy of this project's environments and notebooks, where ``hpc`` has this base."""
    left_out = shutil.ignore_patterns("input", "__pycache__", ".*", "releases", "ml")
    for name in ("environments", "notebooks"):
        shutil.copytree(ROOT / name, folder / name, ignore=left_out)
    shutil.copyfile(ROOT / "bindery.toml", folder / "bindery.toml")
    shutil.copyfile(base_lock, folder / "environments" / "hpc" / "base.lock")
    return folder


def build_image(project: Path, store: Store, python: Path) -> Image:
    """Return the image of the project's ``hpc`` in wheels, with its notebooks in /srv/repo."""
    making = ("--packages", "wheels", "--python", str(python), "--repo-dir", "/srv/repo")
    run_bindery(store, "build", "hpc", *making, "--tag", IMAGE, "--quiet", cwd=project)
    return read_image(store_layout(store), IMAGE)


def ensure_sif(image: Image, store: Store) -> Path:
    """Return a folder with the image's SIF and with how much memory the command took; made again if it would differ."""

    def build(work: Path) -> None:
        work.mkdir(exist_ok=True)
        run_bindery(store, "sif", IMAGE, "-o", str(work / SIF), "--quiet", peak=work / PEAK)

    made = store.ensure(KIND, _key(image), build)
    _remove_older(made)
    return made


def _key(image: Image) -> str:
    """Return what stands for the file's bytes: the image, what is laid over it, and how it is written."""
    config = image.config
    parts = [PEAK.encode(), str(FORMAT).encode(), config.raw, inspect_metadata(config, b"")]
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
