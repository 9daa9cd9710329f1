"""Locks, beside conda-lock: made, checked, compared, rendered. Their data are those of the tests."""

from __future__ import annotations

import lzma
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bindery.core import NOARCH, ToolFailed, encode_json, write_file
from bindery.environments import parse_lock, read_lock
from frame import ROOT, Case, Measured, program

if TYPE_CHECKING:
    from bindery.core import Json
    from bindery.environments import LockedPackage
    from frame import Place

DATA = ROOT / "tests" / "environments" / "data"
RELEASE = DATA / "published" / "2025.08.14"
PLATFORMS = ("linux-64", "linux-aarch64", "osx-64", "osx-arm64")


def lock(place: Place) -> Measured:
    """Lock the Pangeo project's whole spec for four platforms, from the records of two of its releases.

    Raises:
        ToolFailed: the two sides have not locked the same packages.

    """
    channel = write_channel(place.folder / "channel")
    ours = published(place)
    environments = place.folder / "environments"
    specs = [environments / name / "environment.yml" for name in ("base-notebook", "pangeo-notebook")]
    # Its maintainers name the platforms on the command line.
    specs[0].write_text(
        f"{specs[0].read_text(encoding='utf-8')}platforms: [{', '.join(PLATFORMS)}]\n", encoding="utf-8"
    )
    words = ["lock", "pangeo-notebook", "--channel-mirror", f"conda-forge={channel}", "--quiet"]
    ours_s = place.quick(program("bindery"), *words, cwd=place.folder)
    theirs = place.folder / "theirs.yml"
    files: list[str | Path] = [word for spec in specs for word in ("--file", spec)]
    theirs_s = lock_by_conda_lock(place, channel, *files, "--lockfile", theirs)
    found = [{package.url for package in read_lock(path).packages} for path in (ours, theirs)]
    if found[0] != found[1]:
        raise ToolFailed(f"the two locks differ in {len(found[0] ^ found[1])} packages", str(place.folder))
    return Measured(ours=ours_s, theirs=theirs_s)


def lock_by_conda_lock(place: Place, channel: Path, *words: str | Path) -> float:
    """Return the seconds that conda-lock takes, with the solver that Bindery has and from the same records."""
    conda = place.folder / "conda"
    conda.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).with_name("conda_stand_in.py")}" "$@"\n')
    conda.chmod(0o755)
    return place.quick(
        program("conda-lock"), "lock", "--conda", conda, *words, cwd=place.folder, env={"BENCH_CHANNEL": str(channel)}
    )


def write_channel(folder: Path) -> Path:
    """Return a channel of all packages of the published locks, as conda's own programs read it."""
    records: dict[str, dict[str, Json]] = {name: {} for name in (*PLATFORMS, NOARCH)}
    for path in sorted((DATA / "published").glob("*/*/conda-lock.yml.xz")):
        for package in parse_lock(lzma.decompress(path.read_bytes()).decode(), str(path)).packages:
            if package.manager == "conda":
                records[package.subdir][package.file_name] = record_of(package)
    for subdir, found in records.items():
        kinds: dict[str, Json] = {"packages": {}, "packages.conda": {}}
        for name, record in found.items():
            kind = kinds["packages.conda" if name.endswith(".conda") else "packages"]
            if isinstance(kind, dict):
                kind[name] = record
        write_file(folder / subdir / "repodata.json", encode_json({"info": {"subdir": subdir}, **kinds}))
    return folder


def record_of(package: LockedPackage) -> Json:
    """Return the package as a channel describes it; a lock does not know its size, nor what it cannot be beside."""
    number = package.build.rpartition("_")[2]
    return {
        "name": package.name,
        "version": package.version,
        "build": package.build,
        "build_number": int(number) if number.isdigit() else 0,
        "subdir": package.subdir,
        "md5": package.md5.hex if package.md5 else None,
        "sha256": package.sha256.hex,
        "depends": [f"{name} {version}".strip() for name, version in package.dependencies],
    }


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
    return Measured(ours=ours_s, theirs=render_by_conda_lock(place, path))


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
