"""Bindery as people have it: a program of its own process, in a copy of this project."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest
from tests.conftest import find_python

from bindery.core import digest_bytes
from bindery.environments.wheels.uv import uv_environ

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bindery.core import Store

ROOT = Path(__file__).parent.parent.parent
LIMIT_S = 540


class Bindery(Protocol):
    """Called with the words of a command and where it is typed; returns how it ended."""

    def __call__(
        self, *words: str | Path, cwd: Path, python: Path | None = None, environ: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run it by ``python``, ours if None is named; ``environ`` is put over the tests' own."""


class OwnPython(Protocol):
    """Called with a version of Python; returns one in which Bindery, and nothing of the stack, is installed."""

    def __call__(self, minor: str) -> Path:
        """Return the interpreter's path."""


@pytest.fixture(scope="session")
def bindery(test_store: Store) -> Bindery:
    """Return a function that runs ``bindery`` on the store that all tests share."""

    def run(
        *words: str | Path, cwd: Path, python: Path | None = None, environ: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [python or sys.executable, "-m", "bindery", *words],
            cwd=cwd,
            env={**os.environ, "BINDERY_STORE": str(test_store.root), **(environ or {})},
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )

    return run


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a copy of what a person edits in this project."""
    folder = tmp_path / "project"
    left_out = shutil.ignore_patterns("input", "__pycache__", ".*", "releases")
    for name in ("notebooks", "environments"):
        shutil.copytree(ROOT / name, folder / name, ignore=left_out)
    shutil.copyfile(ROOT / "bindery.toml", folder / "bindery.toml")
    return folder


@pytest.fixture(scope="session")
def own_python(test_store: Store) -> OwnPython:
    """Return a function that gives virtual environments with Bindery, made once on a machine."""

    def ensure(minor: str) -> Path:
        interpreter = find_python(minor)
        needs = f"{ROOT}\n{interpreter}\n{(ROOT / 'pyproject.toml').read_text(encoding='utf-8')}"

        def build(work: Path) -> None:
            uv = [sys.executable, "-m", "uv", "--quiet"]
            subprocess.run([*uv, "venv", "--relocatable", "--python", str(interpreter), str(work)], check=True)
            install = ["pip", "install", "--python", str(work / "bin" / "python"), "--editable", str(ROOT)]
            subprocess.run([*uv, *install], env=uv_environ(os.environ), check=True)

        key = f"{minor}-{digest_bytes(needs.encode()).hex[:16]}"
        return test_store.ensure("own-python", key, build) / "bin" / "python"

    return ensure
