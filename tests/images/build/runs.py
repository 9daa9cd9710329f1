"""Bindery started as a program, to build one small repository in a place of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.images.build.bases import make_tiny_base

from bindery.environments.wheels.uv import uv_environ

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[3]
PINS = ROOT / "tests" / "environments" / "wheels" / "small"
INTERPRETER = "/usr/bin/python3"
LIMIT_S = 300
MADE_ANEW = ("images", "layer", "environment-layers", "handed", "linked", "base-facts", "packages")
"""What a store keeps of images and their layers, beside the packages that they are made of."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """How Bindery is started to build one repository; ``folder`` has the repository, the base and the store."""

    folder: Path
    before: tuple[str, ...] = ()
    python: str = sys.executable
    environ: Mapping[str, str] = field(default_factory=dict)
    umask: int = 0o022
    uid: int | None = None
    repository: str = "repository"

    @property
    def store(self) -> Path:
        """Return the store's folder."""
        return self.folder / "store"

    def build(self) -> dict[str, object]:
        """Return what `bindery build` says of the image."""
        process = self.start()
        out, err = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 0, err
        answer: dict[str, object] = json.loads(out)
        return answer

    def start(self) -> subprocess.Popen[str]:
        """Return the running program."""
        words = ["build", str(self.folder / self.repository), "--base", f"oci:{self.folder}/base:tiny:1"]
        inherited = {name: value for name, value in os.environ.items() if name not in {"TZ", "LANG", "LC_ALL"}}
        return subprocess.Popen(
            [*self.before, self.python, "-m", "bindery", *words, "--python", INTERPRETER, "--tag", "same", "--json"],
            cwd=self.folder,
            env={
                **uv_environ(inherited),
                "BINDERY_STORE": str(self.store),
                "HOME": str(self.folder),
                "TMPDIR": str(self.folder),
                **self.environ,
            },
            umask=self.umask,
            user=self.uid,
            group=self.uid,
            extra_groups=None if self.uid is None else [],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )


def same_parts(answer: Mapping[str, object]) -> tuple[object, ...]:
    """Return what must be equal: the digests of manifest and configuration, and all layers."""
    layers = answer["layers"]
    assert isinstance(layers, list)
    assert len(layers) > 5
    return answer["digest"], answer["config"], layers


def prepare(folder: Path, repository: str = "repository") -> None:
    """Write the repository and its base into the folder."""
    place = folder / repository
    shutil.copytree(PINS, place / "binder")
    (place / "one.ipynb").write_text('{"cells": []}\n', encoding="utf-8")
    (place / "data").mkdir()
    (place / "data" / "run.sh").write_text("true\n", encoding="utf-8")
    (place / "data" / "run.sh").chmod(0o755)
    (place / "latest").symlink_to("one.ipynb")
    make_tiny_base(folder / "base")


def seeded(run: Run, folder: Path, repository: str = "repository") -> Run:
    """Return a run in the folder, whose store has the packages of the other."""
    folder.mkdir(exist_ok=True)
    prepare(folder, repository)
    shutil.copytree(
        run.store,
        folder / "store",
        symlinks=True,
        ignore=lambda place, _: MADE_ANEW if Path(place) == run.store else (),
    )
    return Run(folder=folder, repository=repository)


def python_path() -> str:
    """Return where the modules of this Python lie, for another one that everybody may start."""
    return os.pathsep.join([str(ROOT / "builder"), *(path for path in sys.path if "site-packages" in path)])
