"""What notebooks are tested in: an environment that Bindery installs, or a prefix that is there already."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bindery.core import BadInput, host_platform
from bindery.prefixes import ensure_prefix, process_environ

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bindery.core import Progress, Settings, Store
    from bindery.environments import PackagesChoice
    from bindery.notebooks.collect import Notebook, UnreadableNotebook

AS_INSTALLED = "as installed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """An installed environment. ``packages`` is where they came from; ``lock_digest`` is empty without a lock."""

    environment: str
    release: str | None
    packages: str
    lock_digest: str
    platform: str
    python: Path
    environ: Mapping[str, str]


def choose_environment(
    settings: Settings, asked: str | None, notebooks: Sequence[Notebook | UnreadableNotebook]
) -> str:
    """Return the one environment for all the notebooks.

    Raises:
        BadInput: nobody asks for one, and the notebooks' settings name several.

    """
    if asked is not None:
        return asked
    wanted: dict[str, list[str]] = {}
    for notebook in notebooks:
        named = settings.notebooks.get(notebook.name)
        name = named.environment if named is not None and named.environment else settings.test.environment
        wanted.setdefault(name, []).append(notebook.name)
    if len(wanted) > 1:
        said = "; ".join(f"{', '.join(names)} in {name}" for name, names in wanted.items())
        fix = "name the notebooks of one environment, or choose one with --environment"
        raise BadInput(f"the notebooks want several environments: {said}", str(settings.root / "bindery.toml"), fix)
    return next(iter(wanted))


def realise_target(  # noqa: PLR0913 - each is a choice of the person who asks
    settings: Settings,
    name: str,
    *,
    packages: PackagesChoice,
    interpreter: str | None,
    environ: Mapping[str, str],
    store: Store,
    progress: Progress,
) -> Target:
    """Return the environment, installed.

    Raises:
        BadInput: there is no such environment, or its files are wrong.
        ToolFailed: its packages cannot be fetched, or the disk is full.

    """
    # The solver's machinery takes long to import, and --prefix needs none of it.
    from bindery.environments import find_installable, realise  # noqa: PLC0415

    realised = realise(
        find_installable(settings, name),
        packages=packages,
        interpreter=interpreter,
        platform=host_platform(),
        store=store,
        progress=progress,
    )
    prefix = ensure_prefix(realised, store=store, progress=progress)
    return Target(
        environment=realised.environment.name,
        release=realised.release,
        packages=realised.packages,
        lock_digest=str(realised.digest),
        platform=realised.platform,
        python=prefix.python,
        environ=process_environ(prefix.path, environ),
    )


def existing_target(prefix: Path, environ: Mapping[str, str]) -> Target:
    """Return a prefix or virtual environment that is there already, as it is.

    Raises:
        BadInput: there is no interpreter in it.

    """
    folder = Path(os.path.abspath(prefix))  # noqa: PTH100 - links stay: a virtual environment is known by its path
    python = folder / "bin" / "python"
    if not python.is_file():
        raise BadInput("there is no bin/python", str(folder), "name the folder of a prefix or virtual environment")
    return Target(
        environment=str(folder),
        release=None,
        packages=AS_INSTALLED,
        lock_digest="",
        platform=host_platform(),
        python=python,
        environ=process_environ(folder, environ),
    )
