"""A project whose environment ``sea`` has two releases: packages that were published, and a channel made of them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bindery.core import NoProgress, Settings, Store, read_settings
from bindery.environments import (
    Lock,
    LockedChannel,
    Places,
    find_environment,
    plan_release,
    read_lock,
    read_spec,
    write_lock,
    write_release,
)
from bindery.environments.content_hash import content_hashes

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from bindery.environments import LockedPackage

PLATFORMS = ("linux-64", "osx-arm64")
OLD, NEW = "2025.07.17", "2025.08.14"
SPEC = "channels: [conda-forge]\nplatforms: [linux-64, osx-arm64]\ndependencies: [{}]\n"
ASKS = {
    OLD: "python=3.12, ipykernel, distributed, line_profiler",
    NEW: "python=3.12, ipykernel, distributed, zarr, fsspec=2025.7.0",
}


def record(package: LockedPackage) -> dict[str, object]:
    """Return the package as a channel describes it."""
    return {
        "name": package.name,
        "version": package.version,
        "build": package.build,
        "build_number": int(digits) if (digits := package.build.rpartition("_")[2]).isdigit() else 0,
        "subdir": package.subdir,
        "md5": str(package.md5).partition(":")[2],
        "sha256": package.sha256.hex,
        "depends": [f"{name} {version}".strip() for name, version in package.dependencies],
        "size": 1,
    }


def write_channel(packages: Iterable[LockedPackage], folder: Path) -> None:
    """Make a channel that has these packages."""
    found: dict[str, dict[str, dict[str, object]]] = {name: {} for name in (*PLATFORMS, "noarch")}
    for package in packages:
        found[package.subdir][package.file_name] = record(package)
    for subdir, records in found.items():
        kinds = {
            "packages": {name: value for name, value in records.items() if name.endswith(".tar.bz2")},
            "packages.conda": {name: value for name, value in records.items() if name.endswith(".conda")},
        }
        (folder / subdir).mkdir(parents=True)
        (folder / subdir / "repodata.json").write_text(json.dumps({"info": {"subdir": subdir}, **kinds}))


def closed(packages: Iterable[LockedPackage], asked: Iterable[str]) -> tuple[LockedPackage, ...]:
    """Return what of the packages is needed for those asked for."""
    by_place = {(package.name, package.platform): package for package in packages if package.manager == "conda"}
    needed: set[tuple[str, str]] = set()
    waiting = [(name, platform) for name in asked for platform in PLATFORMS]
    while waiting:
        place = waiting.pop()
        if place in by_place and place not in needed:
            needed.add(place)
            waiting += [(name, place[1]) for name, _ in by_place[place].dependencies]
    return tuple(by_place[place] for place in sorted(needed))


@pytest.fixture(scope="session")
def published_locks(published: Path) -> dict[str, Lock]:
    """Return the published locks of pangeo-notebook on two platforms, by version."""
    return {
        version: read_lock(published / version / "pangeo-notebook" / "conda-lock.yml").restricted_to(PLATFORMS)
        for version in (OLD, NEW)
    }


@pytest.fixture(scope="session")
def notebook_channel(published_locks: dict[str, Lock], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a channel of all packages of both locks."""
    folder = tmp_path_factory.mktemp("forks") / "conda-forge"
    write_channel((package for lock in published_locks.values() for package in lock.packages), folder)
    return folder


@pytest.fixture(scope="session")
def released_project(published_locks: dict[str, Lock], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with ``sea`` and its two releases, which tests copy."""
    root = tmp_path_factory.mktemp("released")
    (root / "bindery.toml").write_text('# Our project.\n\n[test]\nenvironment = "sea"\n', encoding="utf-8")
    folder = root / "environments" / "sea"
    folder.mkdir(parents=True)
    for version, lock in published_locks.items():
        (folder / "environment.yml").write_text(SPEC.format(ASKS[version]), encoding="utf-8")
        sea = find_environment(read_settings(root), "sea")
        spec = read_spec(sea)
        asked = [one.name for one in spec.requirements_for("linux-64")]
        own = Lock(
            packages=tuple(replace(each, category="main") for each in closed(lock.packages, asked)),
            content_hash=tuple(content_hashes(spec).items()),
            channels=(LockedChannel(url="conda-forge"),),
            platforms=PLATFORMS,
            sources=("environment.yml",),
            custom_metadata=(("created_by", "test"),),
        ).canonical()
        write_lock(own, sea.lock_path)
        write_release(sea, plan_release(sea, own, version=version, packages="conda-forge"))
    return root


@pytest.fixture
def project(released_project: Path, tmp_path: Path) -> Settings:
    """Return a copy of the project."""
    shutil.copytree(released_project, tmp_path / "project")
    return read_settings(tmp_path / "project")


@pytest.fixture(scope="session")
def places(notebook_channel: Path, solver_store: Store) -> Places:
    """Return where packages come from: the channel in the place of conda-forge."""
    return Places(store=solver_store, progress=NoProgress(), mirrors={"conda-forge": str(notebook_channel)})


@pytest.fixture
def root(project: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the project, which is the working folder."""
    monkeypatch.chdir(project.root)
    monkeypatch.setenv("BINDERY_STORE", str(tmp_path / "store"))
    return project.root


@pytest.fixture
def mirror(notebook_channel: Path) -> tuple[str, str]:
    """Return the words that put the channel in the place of conda-forge."""
    return ("--channel-mirror", f"conda-forge={notebook_channel}")
