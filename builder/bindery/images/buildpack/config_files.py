"""What repo2docker's files say: where they are looked for, and what is in them.

Source: repo2docker's documentation, "Configuration files"; its ``buildpacks/base.py`` decides where that is silent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bindery.core import BadInput
from bindery.environments import Environment
from bindery.images.base.packages import parse_apt_packages

if TYPE_CHECKING:
    from pathlib import Path

FOLDERS = (".binder", "binder")
LOCK_NAME = "conda-lock.yml"
SPEC_NAME = "environment.yml"
IGNORE_FILES = (".dockerignore", ".containerignore")
UNNAMED = "repository"
"""What an environment is called whose files do not say it. Not the folder: its name may be another elsewhere."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfigFiles:
    """The files that configure an image of the repository ``folder``.

    They lie in ``subfolder`` alone (``binder``, ``.binder``, or nothing for the repository itself). ``start`` and
    ``post_build`` are paths in the repository. ``ignored`` are the patterns of ``.dockerignore``.
    """

    folder: Path
    subfolder: str
    start: str | None = None
    post_build: str | None = None
    apt_packages: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()

    @property
    def place(self) -> Path:
        """The folder of the files."""
        return self.folder / self.subfolder if self.subfolder else self.folder

    @property
    def has_dockerfile(self) -> bool:
        """Whether there is a Dockerfile, which comes before every other file."""
        return (self.place / "Dockerfile").exists()

    @property
    def has_environment(self) -> bool:
        """Whether there is a lock, or pins of wheels."""
        return (self.place / LOCK_NAME).is_file() or any(self.place.glob("wheels-*.txt"))

    @property
    def is_ours(self) -> bool:
        """Whether the repository is for our buildpack: it has an environment, and no Dockerfile."""
        return self.has_environment and not self.has_dockerfile

    def environment(self) -> Environment:
        """Return the environment that is installed, called what its ``environment.yml`` calls it."""
        return Environment(name=_read_name(self.place / SPEC_NAME), folder=self.place)


def binder_folder(folder: Path) -> str:
    """Return where in the repository the files are: ``binder``, ``.binder``, or nothing for its root.

    Raises:
        BadInput: it has both folders.

    """
    found = [name for name in FOLDERS if (folder / name).is_dir()]
    if len(found) == len(FOLDERS):
        raise BadInput("there are both binder/ and .binder/, and only one of them can be right", str(folder))
    return found[0] if found else ""


def read_config_files(folder: Path) -> ConfigFiles:
    """Return what the repository's files say.

    Raises:
        BadInput: it has both ``binder/`` and ``.binder/``, or apt.txt names what is no package.

    """
    subfolder = binder_folder(folder)
    place = folder / subfolder if subfolder else folder

    def inside(name: str) -> str | None:
        path = f"{subfolder}/{name}" if subfolder else name
        return path if (place / name).exists() else None

    return ConfigFiles(
        folder=folder,
        subfolder=subfolder,
        start=inside("start"),
        post_build=inside("postBuild"),
        apt_packages=_read_apt(place / "apt.txt"),
        ignored=tuple(pattern for name in IGNORE_FILES for pattern in _read_patterns(place / name)),
    )


def _read_apt(path: Path) -> tuple[str, ...]:
    return parse_apt_packages(_read_text(path), str(path)) if path.is_file() else ()


def _read_patterns(path: Path) -> tuple[str, ...]:
    lines = _read_text(path).splitlines() if path.is_file() else []
    return tuple(line.strip() for line in lines if line.strip() and not line.strip().startswith("#"))


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BadInput("is not UTF-8 text", str(path)) from error


def _read_name(path: Path) -> str:
    if not path.is_file():
        return UNNAMED
    import yaml  # noqa: PLC0415 - seldom needed

    try:
        document: object = yaml.safe_load(_read_text(path))
    except yaml.YAMLError as error:
        raise BadInput(f"is not YAML: {error}", str(path)) from error
    name = document.get("name") if isinstance(document, dict) else None
    return name if isinstance(name, str) and _NAME.fullmatch(name) else UNNAMED
