"""The repository of an environment's image: the project's notebooks, and the environment's own repo2docker files."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bindery.core import BinderyError, disk_errors, run_process

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bindery.images.buildpack.sources import EnvironmentSource

CONFIG_FILES = ("apt.txt", "start", "postBuild", ".dockerignore", ".containerignore")
NOTEBOOKS = "notebooks"
CONFIG_FOLDER = "binder"
GIT_TIMEOUT_S = 60.0
_LEFT_OUT = frozenset({".ipynb_checkpoints", "__pycache__", ".git"})


@contextmanager
def staged(source: EnvironmentSource) -> Iterator[Path]:
    """Yield a folder with ``notebooks/`` and ``binder/``, which is gone when the context ends.

    Raises:
        ToolFailed: the disk is full or cannot be written.

    """
    with tempfile.TemporaryDirectory(prefix="bindery-build-") as made:
        folder = Path(made)
        with disk_errors(folder):
            _stage_notebooks(source, folder / NOTEBOOKS)
            _stage_config(source, folder / CONFIG_FOLDER)
        yield folder


def _stage_notebooks(source: EnvironmentSource, target: Path) -> None:
    if source.notebooks is None:
        return
    for path in list_notebooks(source.notebooks):
        place = target / path
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source.notebooks / path, place, follow_symlinks=False)


def list_notebooks(folder: Path) -> tuple[str, ...]:
    """Return the files of the folder that are part of the project, sorted: those that git does not ignore.

    What notebooks wrote when somebody ran them is not: it would make another image on every machine.
    """
    listed = _list_with_git(folder)
    if listed is None:
        listed = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()]
    return tuple(sorted(path for path in listed if _LEFT_OUT.isdisjoint(path.split("/"))))


def _list_with_git(folder: Path) -> list[str] | None:
    if not any((above / ".git").exists() for above in (folder, *folder.parents)):
        return None
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        finished = run_process(command, env=os.environ, cwd=folder, timeout_s=GIT_TIMEOUT_S, check=False)
    except BinderyError:
        return None  # there is no git
    if finished.status != 0:
        return None
    names = finished.stdout.decode(errors="surrogateescape").split("\0")
    return [name for name in names if name and os.path.lexists(folder / name)]


def _stage_config(source: EnvironmentSource, target: Path) -> None:
    target.mkdir()
    for name in CONFIG_FILES:
        # A release's folder never changes, and holds what was there when it was made.
        found = source.environment.folder / name
        if found.is_file():
            shutil.copy2(found, target / name)
    if not any(target.iterdir()):
        target.rmdir()
