"""The same specs and records, locked by conda-lock's own command line and by Bindery: the same file."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
import zstandard

import bindery.environments.spec as spec_room
from bindery.core import NoProgress, Store
from bindery.environments import Environment, LockRequest, encode_lock, parse_lock, plan_lock

if TYPE_CHECKING:
    from collections.abc import Callable

SHIM = Path(__file__).with_name("conda_shim.py")
MAPPING = Path(spec_room.__path__[0]) / "pypi-mapping.json"
BASE = "channels: [conda-forge]\nplatforms: [linux-64, osx-arm64]\ndependencies: [python=3.12, pip]\n"
HEAD = "channels: [conda-forge, nodefaults]\nplatforms: [linux-64, osx-arm64]\ndependencies:\n  - python=3.12\n"
VIRTUAL = (
    "subdirs:\n"
    "  linux-64: {packages: {__glibc: '2.40', __linux: '6.1', __unix: '0'}}\n"
    "  osx-arm64: {packages: {__osx: '15.0', __unix: '0', __archspec: 1 arm64}}\n"
)
CASES: dict[str, dict[str, str]] = {
    "plain": {"environment.yml": HEAD + "  - xarray\n  - zarr>=3,<4\n"},
    "old versions, builds": {"environment.yml": HEAD + "  - xarray=2025.4.0\n  - numpy=2.3.*\n  - fsspec=*=pyhd8*\n"},
    "selectors": {"environment.yml": HEAD + "  - zarr # [linux]\n  - xarray # [osx]\n"},
    "another category": {"environment.yml": HEAD.replace("platforms", "category: dev\nplatforms") + "  - dask-core\n"},
    "virtual packages": {"environment.yml": HEAD + "  - xarray\n", "virtual-packages.yml": VIRTUAL},
    "several files": {"environment.yml": HEAD + "  - dask-core\n  - python>=3.11\n", "../base/environment.yml": BASE},
}


@pytest.fixture(scope="session")
def unpacked(channel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the small channel, not compressed."""
    folder = tmp_path_factory.mktemp("shim") / "channel"
    for packed in channel.glob("*/repodata.json.zst"):
        target = folder / packed.parent.name / "repodata.json"
        target.parent.mkdir(parents=True)
        target.write_bytes(zstandard.ZstdDecompressor().stream_reader(packed.read_bytes()).read())
    return folder


@pytest.fixture
def lock_with_conda_lock(unpacked: Path, tmp_path: Path) -> Callable[[Environment, Path], str]:
    """Return a function: the text that conda-lock's command line writes for the environment."""
    conda = tmp_path / "bin" / "conda"
    conda.parent.mkdir()
    conda.write_text(f"#!/bin/sh\nexec '{sys.executable}' '{SHIM}' \"$@\"\n", encoding="utf-8")
    conda.chmod(0o755)

    def lock(environment: Environment, metadata: Path) -> str:
        written = environment.folder / "theirs.yml"
        command = [Path(sys.executable).with_name("conda-lock"), "lock", "--conda", conda, "--lockfile", written]
        for source in environment.sources:
            command += ["--file", source]
        virtual = environment.folder / "virtual-packages.yml"
        command += ["--virtual-package-spec", virtual] if virtual.is_file() else []
        command += ["--pypi_to_conda_lookup_file", MAPPING.as_uri(), "--metadata-yaml", metadata]
        subprocess.run(
            list(map(str, command)),
            env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "SHIM_CHANNEL": str(unpacked)},
            cwd=environment.folder,
            check=True,
            capture_output=True,
            timeout=300,
        )
        return written.read_text(encoding="utf-8")

    return lock


@pytest.mark.parametrize("name", CASES)
def test_the_lock_is_the_one_that_conda_lock_writes(
    name: str,
    tmp_path: Path,
    channel: Path,
    solver_store: Store,
    lock_with_conda_lock: Callable[[Environment, Path], str],
) -> None:
    folder = tmp_path / "environments" / "ocean"
    for file, text in CASES[name].items():
        (folder / file).resolve().parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(exist_ok=True)
        (folder / file).resolve().write_text(text, encoding="utf-8")
    environment = Environment(name="ocean", folder=folder)
    if "../base/environment.yml" in CASES[name]:
        environment = replace(environment, extends=(Environment(name="base", folder=folder.with_name("base")),))
    request = LockRequest(mirrors={"conda-forge": str(channel)})
    ours = plan_lock(environment, request, store=solver_store, progress=NoProgress()).lock
    metadata = tmp_path / "metadata.yml"
    metadata.write_text(yaml.safe_dump(dict(ours.custom_metadata), sort_keys=False), encoding="utf-8")

    theirs = lock_with_conda_lock(environment, metadata)
    read = parse_lock(theirs, "theirs.yml")
    assert dict(read.content_hash) == dict(ours.content_hash)
    assert [(one.key, one.url) for one in read.packages] == [(one.key, one.url) for one in ours.packages]
    assert below_the_head(theirs) == below_the_head(encode_lock(ours))


def below_the_head(text: str) -> str:
    """Return the file without the comment at its head."""
    lines = text.splitlines(keepends=True)
    start = next(index for index, line in enumerate(lines) if not line.startswith("#"))
    return "".join(lines[start:])
