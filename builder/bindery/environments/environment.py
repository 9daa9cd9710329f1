"""Environments: the folders that say what to install."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bindery.core import BadInput

if TYPE_CHECKING:
    from pathlib import Path

    from bindery.core import Settings

SPEC_NAME = "environment.yml"
LOCK_NAME = "conda-lock.yml"
FORK_KEY = "fork_of"
"""Under this name a fork's lock says what it was made on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Environment:
    """A folder ``environments/<name>/``, and the environments that it builds on, in order.

    It has an ``environment.yml``, a ``conda-lock.yml``, pins of wheels (``wheels-3.12.txt``), or several of these.
    The folder of a release is one, too: ``release`` is its version, None for an environment as it is now. ``fork_of``
    names the parent of a fork, ``pangeo@2025.08.14``, which is all that it extends. ``without`` are packages that it
    does not ask for, although those below it do.
    """

    name: str
    folder: Path
    extends: tuple[Environment, ...] = ()
    release: str | None = None
    fork_of: str | None = None
    without: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What people call it: ``pangeo``, or ``pangeo@2025.08.14``."""
        return f"{self.name}@{self.release}" if self.release else self.name

    @property
    def spec_path(self) -> Path:
        """Where the spec is, or would be."""
        return self.folder / SPEC_NAME

    @property
    def lock_path(self) -> Path:
        """Where the lock is, or would be."""
        return self.folder / LOCK_NAME

    @property
    def releases_folder(self) -> Path:
        """Where the releases are, or would be."""
        return self.folder / "releases"

    @property
    def published_by(self) -> Environment:
        """The environment whose release this is, by its folder; the environment itself if it is none."""
        if self.release is None:
            return self
        return Environment(name=self.name, folder=self.folder.parent.parent)

    @property
    def layers(self) -> tuple[Environment, ...]:
        """The environments that this one builds on, each once, the lowest first, and itself last."""
        found: dict[str, Environment] = {}
        for lower in self.extends:
            found |= {layer.name: layer for layer in lower.layers}
        return (*found.values(), self)

    @property
    def sources(self) -> tuple[Path, ...]:
        """The spec files in conda-lock's order: where two name a package, the later one is right."""
        return tuple(layer.spec_path for layer in self.layers if layer.spec_path.is_file())

    @property
    def wheels_paths(self) -> tuple[Path, ...]:
        """The files of pins for wheel channels, ``wheels-<Python's minor version>.txt``, sorted by name."""
        return tuple(sorted(self.folder.glob("wheels-*.txt")))

    @property
    def fix(self) -> str:
        """The command that makes the lock anew; a release's can only be brought back."""
        return f"git restore {self.folder}" if self.release else f"bindery lock {self.name}"


def find_environment(settings: Settings, name: str) -> Environment:
    """Return the project's environment of this name, with all that it builds on.

    Raises:
        BadInput: there is none, or it builds on one that is not there, or on itself.

    """
    return _find(settings, name, above=())


def list_environments(settings: Settings) -> tuple[Environment, ...]:
    """Return every environment of the project, sorted by name.

    Raises:
        BadInput: one builds on an environment that is not there, or on itself.

    """
    return tuple(find_environment(settings, name) for name in _names(settings))


def _find(settings: Settings, name: str, above: tuple[str, ...]) -> Environment:
    configured = str(settings.root / "bindery.toml")
    if name in above:
        chain = " -> ".join((*above[above.index(name) :], name))
        raise BadInput(f"environments.{name}: extends itself: {chain}", configured)
    names = _names(settings)
    if name not in names:
        if above:
            raise BadInput(f"environments.{above[-1]}.extends: there is no environment {name}", configured)
        fix = _near_miss(name, names)
        if (table := settings.environments.get(name)) is not None and table.fork_of is not None:
            fix = f"bindery.toml has the fork, its folder was not made: bindery fork {table.fork_of} {name} makes it"
        raise BadInput(f"there is no environment {name}", str(settings.environments_folder), fix)
    chosen = settings.environments.get(name)
    if chosen is None:
        return Environment(name=name, folder=settings.environments_folder / name)
    if chosen.fork_of is None:
        lower = tuple(_find(settings, other, (*above, name)) for other in chosen.extends)
    elif chosen.extends:
        raise BadInput(f"environments.{name}: fork_of and extends exclude each other", configured)
    else:
        lower = (_find_parent(settings, chosen.fork_of, (*above, name)),)
    return Environment(
        name=name,
        folder=settings.environments_folder / name,
        extends=lower,
        fork_of=chosen.fork_of,
        without=chosen.without,
    )


def _find_parent(settings: Settings, text: str, above: tuple[str, ...]) -> Environment:
    """Return the release ``pangeo@2025.08.14``; for ``pangeo@sha256:…`` the environment as it is now."""
    # Releases are environments themselves.
    from bindery.environments.releases import find_release, released_environment  # noqa: PLC0415

    name, _, of = text.partition("@")
    environment = _find(settings, name, above)
    return environment if ":" in of or not of else released_environment(find_release(environment, of))


def _names(settings: Settings) -> tuple[str, ...]:
    folder = settings.environments_folder
    folders = sorted(folder.iterdir()) if folder.is_dir() else []
    return tuple(path.name for path in folders if not path.name.startswith(".") and _is_environment(path))


def _is_environment(folder: Path) -> bool:
    return any((folder / name).is_file() for name in (SPEC_NAME, LOCK_NAME)) or any(folder.glob("wheels-*.txt"))


def _near_miss(name: str, names: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    if near:
        return f"did you mean {near[0]}?"
    return f"use one of {', '.join(names)}" if names else "make environments/<name>/environment.yml"
