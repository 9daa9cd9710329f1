"""Locks, beside conda-lock: made, checked, compared, rendered. Their data are those of the tests."""

from __future__ import annotations

import lzma
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import zstandard

from frame import ROOT, Case, Measured, program

if TYPE_CHECKING:
    from frame import Place

DATA = ROOT / "tests" / "environments" / "data"
RELEASE = DATA / "published" / "2025.08.14"
LOCK_SPEC = """channels: [conda-forge]
platforms: [linux-64, linux-aarch64, osx-64, osx-arm64]
dependencies: [python=3.12, xarray, dask-core, zarr, pandas, pip]
"""


def lock(place: Place) -> Measured:
    """Lock a small spec for four platforms, from the same records and with the same solver."""
    channel = unpack_channel(place.folder / "channel")
    environment = place.folder / "environments" / "ocean"
    environment.mkdir(parents=True)
    (place.folder / "bindery.toml").touch()
    spec = environment / "environment.yml"
    spec.write_text(LOCK_SPEC, encoding="utf-8")
    words = ["lock", "ocean", "--channel-mirror", f"conda-forge={channel}", "--quiet"]
    ours_s = place.quick(program("bindery"), *words, cwd=place.folder)
    conda = place.folder / "conda"
    conda.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).with_name("conda_stand_in.py")}" "$@"\n')
    conda.chmod(0o755)
    theirs: list[str | Path] = ["lock", "--conda", conda, "--file", spec, "--lockfile", place.folder / "theirs.yml"]
    env = {"BENCH_CHANNEL": str(channel)}
    theirs_s = place.quick(program("conda-lock"), *theirs, cwd=place.folder, env=env)
    return Measured(ours_s=ours_s, theirs_s=theirs_s)


def unpack_channel(folder: Path) -> Path:
    """Return a channel with the records of the tests', as conda's own programs read it."""
    for packed in (DATA / "channel").glob("*/repodata.json.zst"):
        target = folder / packed.parent.name / "repodata.json"
        target.parent.mkdir(parents=True)
        with packed.open("rb") as source, target.open("wb") as sink:
            zstandard.ZstdDecompressor().copy_stream(source, sink)
    return folder


def published(place: Place) -> Path:
    """Return a project that holds what the Pangeo project published: two environments, one on top of the other."""
    for name in ("base-notebook", "pangeo-notebook"):
        folder = place.folder / "environments" / name
        folder.mkdir(parents=True)
        shutil.copyfile(RELEASE / name / "environment.yml", folder / "environment.yml")
        (folder / "conda-lock.yml").write_bytes(lzma.decompress((RELEASE / name / "conda-lock.yml.xz").read_bytes()))
    (place.folder / "bindery.toml").write_text("[environments.pangeo-notebook]\nextends = ['base-notebook']\n")
    return place.folder / "environments" / "pangeo-notebook" / "conda-lock.yml"


def render_by_conda_lock(place: Place, path: Path) -> float:
    """Return the seconds that conda-lock takes to read the lock and render it for one platform."""
    words = ["render", "--kind", "explicit", "--platform", "linux-64", "--filename-template"]
    return place.quick(program("conda-lock"), *words, place.folder / "{platform}.txt", path, cwd=place.folder)


def read_only(place: Place, *words: str) -> Measured:
    """Have Bindery do something with the published lock, beside conda-lock rendering it."""
    path = published(place)
    ours_s = place.quick(program("bindery"), *words, cwd=place.folder)
    return Measured(ours_s=ours_s, theirs_s=render_by_conda_lock(place, path))


def check(place: Place) -> Measured:
    """Say whether the lock is current."""
    return read_only(place, "check", "pangeo-notebook")


def diff(place: Place) -> Measured:
    """Compare two locks."""
    return read_only(place, "diff", "base-notebook", "pangeo-notebook")


def render(place: Place) -> Measured:
    """Render it for one platform."""
    return read_only(place, "export", "pangeo-notebook", "--platform", "linux-64")


CASES = (
    Case(name="lock", beside="conda-lock lock, the same solver", ratio=1 / 3, measure=lock),
    Case(name="check", beside="conda-lock render", ratio=1 / 12, measure=check),
    Case(name="diff", beside="conda-lock render", ratio=1 / 12, measure=diff),
    Case(name="render", beside="conda-lock render", ratio=1 / 12, measure=render),
)
