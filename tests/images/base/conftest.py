"""A small Debian root folder, and a program on PATH that stands for mmdebstrap where what it gives is the fault."""

from __future__ import annotations

import io
import os
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bindery.core import NoProgress, Store
from bindery.images import Image, Layout, store_layout
from bindery.images.base import ensure_base

USERS = "root:x:0:0:root:/root:/bin/bash\n"
SCRIPT = """#!/bin/sh
if [ "$1" = --version ]; then echo "mmdebstrap 1.3.5"; exit 0; fi
echo "$*" >> "{log}"
for word; do case "$word" in *.tar) cp "{archive}" "$word";; esac; done
"""


@dataclass(kw_only=True)
class SmallDebian:
    """A root folder as mmdebstrap gives it; ``versions`` are those of its packages."""

    versions: dict[str, str] = field(default_factory=lambda: {"bash": "5.2.15-2+b7", "git": "1:2.39.5-0+deb12u2"})
    files: dict[str, bytes] = field(default_factory=dict)

    def status(self) -> str:
        """Return dpkg's list of the packages."""
        return "\n".join(
            f"Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {version}\n"
            for name, version in self.versions.items()
        )

    def write(self, path: Path) -> None:
        """Put the archive at the path."""
        files = {
            "etc/passwd": USERS.encode(),
            "etc/group": b"root:x:0:\n",
            "etc/shadow": b"root:*:20780:0:99999:7:::\n",
            "etc/gshadow": b"root:*::\n",
            "var/lib/dpkg/status": self.status().encode(),
            **self.files,
        }
        with tarfile.open(path, "w") as archive:
            folders = {str(folder) for name in files for folder in Path(name).parents if str(folder) != "."}
            for folder in (".", *sorted(f"./{one}" for one in folders)):
                info = tarfile.TarInfo(folder)
                info.type, info.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(info)
            for name, data in sorted(files.items()):
                info = tarfile.TarInfo(f"./{name}")
                info.size, info.mode = len(data), 0o644
                archive.addfile(info, io.BytesIO(data))


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A store, a place for ``base.lock``, and a program on PATH that makes ``debian`` instead of a real one."""

    folder: Path
    debian: SmallDebian

    @property
    def lock(self) -> Path:
        """Where the lock is."""
        return self.folder / "repository" / "base.lock"

    @property
    def layout(self) -> Layout:
        """The layout of the store."""
        return store_layout(Store(self.folder / "store"))

    @property
    def calls(self) -> list[str]:
        """With which words the program was called."""
        log = self.folder / "log"
        return log.read_text(encoding="utf-8").splitlines() if log.exists() else []

    def ensure(self, request: str | None = None, *, update: bool = False, apt: tuple[str, ...] = ()) -> Image:
        """Return the base, as a build has it."""
        self.debian.write(self.folder / "debian.tgz")
        store = Store(self.folder / "store")
        return ensure_base(
            self.lock, request, update=update, layout=self.layout, store=store, progress=NoProgress(), apt=apt
        )


@pytest.fixture
def as_root() -> None:
    """Mark a test that only root can make; see the fixtures of all images for who leaves it out."""


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Return a bench of its own for the test."""
    programs = tmp_path / "programs"
    programs.mkdir()
    program = programs / "mmdebstrap"
    program.write_text(SCRIPT.format(log=tmp_path / "log", archive=tmp_path / "debian.tgz"), encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    (tmp_path / "repository").mkdir()
    return Bench(folder=tmp_path, debian=SmallDebian())
