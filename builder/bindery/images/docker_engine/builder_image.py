"""The image that BinderHub runs where it would run repo2docker's: repo2docker, git, and Bindery as its engine.

It is an image like any other: an environment of what Bindery needs, and a repository that is Bindery itself. A
container of it builds as an ordinary user, without a Docker socket.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import bindery
from bindery.core import disk_errors
from bindery.images.build import BuildRequest
from bindery.images.buildpack.runtime_files import Place
from bindery.images.buildpack.sources import FolderSource

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bindery.images.buildpack.making import MakingOptions

REPOSITORY = "/srv/bindery"
"""Where Bindery is in the image; the scripts in ``builder/`` say so, too."""
PYTHON = "3.11"
FILES = Path(__file__).with_name("builder")
PROGRAMS = ("bindery", "jupyter-repo2docker")
ENVIRONMENT = ("apt.txt", "environment.yml", f"wheels-{PYTHON}.txt")
CONFIG = "repo2docker_config"
_METADATA = "Metadata-Version: 2.1\nName: pangeo-bindery\nVersion: {version}\n"
_ENTRY_POINTS = "[repo2docker.engines]\noci = bindery.images.engine:OciEngine\n"


def builder_request(folder: Path, name: str, making: MakingOptions) -> BuildRequest:
    """Return what builds the image of a staged repository, in wheels."""
    chosen = replace(making, packages="wheels", interpreter=making.interpreter or PYTHON)
    source, place = FolderSource(folder=folder), Place(repository=REPOSITORY)
    return BuildRequest(source=source, name=name, making=chosen, place=place)


@contextmanager
def staged_builder() -> Iterator[Path]:
    """Yield a repository whose image runs repo2docker with our engine; it is gone when the context ends.

    Raises:
        ToolFailed: the disk is full or cannot be written.

    """
    with tempfile.TemporaryDirectory(prefix="bindery-builder-") as made:
        folder = Path(made)
        with disk_errors(folder):
            _stage(folder)
        yield folder


def _stage(folder: Path) -> None:
    program = Path(bindery.__file__).parent
    shutil.copytree(program, folder / "bindery", ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    # repo2docker finds engines by what is installed.
    installed = folder / f"pangeo_bindery-{bindery.__version__}.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text(_METADATA.format(version=bindery.__version__), encoding="utf-8")
    (installed / "entry_points.txt").write_text(_ENTRY_POINTS, encoding="utf-8")
    shutil.copy(FILES / CONFIG, folder / f"{CONFIG}.py")
    for place, names in (("binder", ENVIRONMENT), (".local/bin", PROGRAMS)):
        (folder / place).mkdir(parents=True)
        for name in names:
            shutil.copy(FILES / name, folder / place)
    for name in PROGRAMS:
        # A wheel does not keep modes.
        (folder / ".local/bin" / name).chmod(0o755)
