"""Small real packages, made in a moment: every kind of file, link, mode and placeholder that a package can have."""

from __future__ import annotations

import io
import json
import pickle
import subprocess
import sys
import tarfile
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest
import zstandard

from bindery.core import Store, digest_bytes, digest_file, host_platform
from bindery.environments import Environment, Lock, LockedChannel, LockedPackage, Realised

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bindery.core import Json

CHANNEL = "https://conda.anaconda.org/test-channel"
PLACEHOLDER = "/placehold" * 25
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Packed:
    """One member of a package: bytes, or a symbolic link, or another name of an earlier member."""

    data: bytes = b""
    mode: int = 0o644
    placeholder: str | None = None
    file_mode: str = "text"
    link: str | None = None
    claimed: bytes | None = None  # what paths.json says that it is
    same_as: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """A package to be."""

    name: str
    version: str = "1.0"
    build: str = "0"
    noarch: str | None = None
    files: Mapping[str, Packed] = field(default_factory=dict)
    entry_points: tuple[str, ...] = ()
    index: Mapping[str, Json] = field(default_factory=dict)
    old_format: bool = False
    left_out: frozenset[str] = frozenset()  # parts of info/ that it lacks
    unpacked: frozenset[str] = frozenset()  # files that it names but lacks

    @property
    def subdir(self) -> str:
        """Return the channel's folder."""
        return "noarch" if self.noarch else host_platform()

    @property
    def file_name(self) -> str:
        """Return the archive's name."""
        return f"{self.name}-{self.version}-{self.build}{'.tar.bz2' if self.old_format else '.conda'}"


def write_package(recipe: Recipe, channel: Path) -> Path:
    """Return the archive, written into the channel's folder."""
    paths: list[Json] = []
    for name, packed in recipe.files.items():
        data = recipe.files[packed.same_as].data if packed.same_as else packed.data
        data = data if packed.claimed is None else packed.claimed
        item: dict[str, Json] = {
            "_path": name,
            "path_type": "softlink" if packed.link else "hardlink",
            "sha256": digest_bytes(data).hex,
            "size_in_bytes": len(data),
        }
        if packed.placeholder:
            item |= {"prefix_placeholder": packed.placeholder, "file_mode": packed.file_mode}
        paths.append(item)
    index: dict[str, Json] = {
        "name": recipe.name,
        "version": recipe.version,
        "build": recipe.build,
        "build_number": 0,
        "depends": [],
        "subdir": recipe.subdir,
        **({"noarch": recipe.noarch} if recipe.noarch else {}),
        **recipe.index,
    }
    link: Json = {
        "noarch": {"type": "python", "entry_points": list(recipe.entry_points)},
        "package_metadata_version": 1,
    }
    documents: dict[str, Json] = {"index.json": index, "paths.json": {"paths": paths, "paths_version": 1}}
    if recipe.noarch == "python":
        documents["link.json"] = link
    info = {
        f"info/{name}": Packed(data=json.dumps(document).encode())
        for name, document in documents.items()
        if name not in recipe.left_out
    }
    files = {name: packed for name, packed in recipe.files.items() if name not in recipe.unpacked}
    path = channel / recipe.subdir / recipe.file_name
    path.parent.mkdir(parents=True, exist_ok=True)
    if recipe.old_format:
        with tarfile.open(path, "w:bz2") as tar:
            _add(tar, files | info)
        return path
    stem = recipe.file_name.removesuffix(".conda")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo("metadata.json"), '{"conda_pkg_format_version": 2}')
        for part, members in (("pkg", files), ("info", info)):
            archive.writestr(zipfile.ZipInfo(f"{part}-{stem}.tar.zst"), zstandard.compress(_tar(members)))
    return path


def _tar(members: Mapping[str, Packed]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        _add(tar, members)
    return stream.getvalue()


def _add(tar: tarfile.TarFile, members: Mapping[str, Packed]) -> None:
    for name, packed in members.items():
        member = tarfile.TarInfo(name)
        member.mode, member.mtime = packed.mode, 1_700_000_000
        if packed.link:
            member.type, member.linkname = tarfile.SYMTYPE, packed.link
            tar.addfile(member)
        elif packed.same_as:
            member.type, member.linkname = tarfile.LNKTYPE, packed.same_as
            tar.addfile(member)
        else:
            member.size = len(packed.data)
            tar.addfile(member, io.BytesIO(packed.data))


def python_recipe() -> Recipe:
    """Return a package named python that hands over to the interpreter of the tests, with two modules of its own."""
    start = f'#!/bin/sh\nexec "{Path(sys.executable).resolve()}" "$@"\n'
    return Recipe(
        name="python",
        version=f"{PYTHON}.99",
        files={
            f"bin/python{PYTHON}": Packed(data=start.encode(), mode=0o755),
            "bin/python": Packed(link=f"python{PYTHON}"),
            f"lib/python{PYTHON}/plain.py": Packed(data=b"VALUE = 1\n"),
            f"lib/python{PYTHON}/paths.py": Packed(
                data=f"PREFIX = '{PLACEHOLDER}'\n".encode(), placeholder=PLACEHOLDER
            ),
        },
    )


def tool_recipe() -> Recipe:
    """Return a ``noarch: python`` package with scripts."""
    return Recipe(
        name="tool",
        noarch="python",
        files={
            "site-packages/tool/__init__.py": Packed(data=b"def main():\n    print('tool ran')\n"),
            "site-packages/tool/old.py": Packed(data=b"print 'Python 2'\n"),
            "site-packages/tool/tests/test_it.py": Packed(data=b"assert True\n"),
            "python-scripts/tool-script": Packed(
                data=f"#!{PLACEHOLDER}/bin/python -u\nprint('{PLACEHOLDER}')\n".encode(),
                mode=0o755,
                placeholder=PLACEHOLDER,
            ),
            "share/tool/data.txt": Packed(data=b"data\n", mode=0o600),
        },
        entry_points=("tool = tool:main", "tool-deep= tool.deep:Class.method"),
    )


def library_recipe() -> Recipe:
    """Return a compiled-like package: a binary placeholder, links of both kinds, odd modes."""
    binary = b"\x7fELF" + PLACEHOLDER.encode() + b"/lib:" + PLACEHOLDER.encode() + b"/share\0tail\0\xff" + b"x" * 9
    return Recipe(
        name="library",
        files={
            "lib/libit.so.1": Packed(data=binary, mode=0o775, placeholder=PLACEHOLDER, file_mode="binary"),
            "lib/libit.so": Packed(link="libit.so.1"),
            "lib/dangling": Packed(link="../nowhere"),
            "bin/it": Packed(data=b"\x7fELF nothing", mode=0o4755),
            "bin/it-again": Packed(same_as="bin/it", mode=0o4755),
            "bin/it.pl": Packed(
                data=f"#!{PLACEHOLDER}/bin/perl -w\n# {PLACEHOLDER}\n".encode(), mode=0o711, placeholder=PLACEHOLDER
            ),
            "share/it/group-writable": Packed(data=b"", mode=0o666),
            "share/it/name with spaces \u00fc": Packed(data=b"1"),
        },
    )


def old_recipe() -> Recipe:
    """Return a package in conda's first format."""
    return Recipe(
        name="old",
        old_format=True,
        files={
            "etc/old.conf": Packed(data=f"prefix={PLACEHOLDER}\n".encode(), placeholder=PLACEHOLDER),
            "bin/old": Packed(data=b"#!/bin/sh\n", mode=0o755),
        },
    )


class Realise(Protocol):
    """Called with recipes; returns the environment that they make, its channel mirrored by a folder."""

    def __call__(self, *recipes: Recipe) -> Realised:
        """Write the packages and lock them."""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return an empty store."""
    return Store(tmp_path / "store")


@pytest.fixture
def channel(tmp_path: Path) -> Path:
    """Return the folder that mirrors the channel."""
    return tmp_path / "channel"


def lock_packages(*recipes: Recipe, channel: Path) -> Lock:
    """Return the lock of these packages, after writing them into the channel's folder."""
    return Lock(
        packages=tuple(locked(recipe, write_package(recipe, channel)) for recipe in recipes),
        content_hash=((host_platform(), "0" * 64),),
        channels=(LockedChannel(url=CHANNEL),),
        platforms=(host_platform(),),
        sources=("environment.yml",),
    )


def kill_in_the_middle(call: str, realised: Realised, store: Store, moment_s: float) -> None:
    """Run the call, of a function of ``bindery.prefixes`` on ``realised`` and ``store``; kill it after the moment."""
    script = (
        "import pickle, sys; from bindery.core import NoProgress, Store; from bindery.prefixes import *\n"
        f"realised, store = pickle.load(sys.stdin.buffer); print('ready', flush=True); {call}"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(pickle.dumps((realised, store)))
        process.stdin.close()
        assert process.stdout.readline() == b"ready\n"
        time.sleep(moment_s)
        process.kill()


@pytest.fixture
def realise_packages(channel: Path) -> Realise:
    """Return a function that makes packages and locks them."""

    def realise(*recipes: Recipe) -> Realised:
        return Realised(
            environment=Environment(name="tiny", folder=channel),
            lock=lock_packages(*recipes, channel=channel),
            packages="conda-forge",
            platform=host_platform(),
            label="Tiny 2026.11.22",
            mirrors={f"{CHANNEL}/": f"{channel.as_uri()}/"},
        )

    return realise


def locked(recipe: Recipe, archive: Path) -> LockedPackage:
    """Return what a lock says of the archive."""
    return LockedPackage(
        name=recipe.name,
        version=recipe.version,
        manager="conda",
        platform=host_platform(),
        url=f"{CHANNEL}/{recipe.subdir}/{recipe.file_name}",
        sha256=digest_file(archive),
        md5=digest_file(archive, "md5"),
    )


@pytest.fixture
def everything(realise_packages: Realise) -> Realised:
    """Return an environment of one package of every kind."""
    return realise_packages(python_recipe(), tool_recipe(), library_recipe(), old_recipe())
