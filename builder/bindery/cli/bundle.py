"""Offline bundles on the command line: which lock, from where, for which platforms."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bindery.core import Json, default_store, host_platform, read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bindery.core import Progress, Store
    from bindery.environments import Environment, PackagesSource, Realised


@dataclass(frozen=True, kw_only=True, slots=True)
class BundleRequest:
    """What is to be bundled: ``target`` is an environment, a release of it, or a lock file."""

    target: str
    packages: PackagesSource
    interpreter: str | None
    platforms: tuple[str, ...]
    mirrors: Mapping[str, str]


def make_bundle(asked: BundleRequest, folder: Path, progress: Progress) -> tuple[str, Json]:
    """Return the bundle's folder, in which every package is, and what to say of it.

    Raises:
        BadInput: the lock or an archive cannot be used.
        ToolFailed: a tool, the network or the disk failed.

    """
    from bindery.prefixes import write_bundle  # noqa: PLC0415 - not for --help

    store = default_store(os.environ)
    bundle = write_bundle(_realise(asked, store, progress), folder.absolute(), store=store, progress=progress)
    progress.say(
        f"{bundle.label}: {bundle.packages} packages for {', '.join(bundle.platforms)}, {bundle.size_bytes:,} bytes"
    )
    document: Json = {
        "schema": 1,
        "folder": str(bundle.folder),
        "label": bundle.label,
        "platforms": list(bundle.platforms),
        "packages": bundle.packages,
        "size_bytes": bundle.size_bytes,
    }
    return str(bundle.folder), document


def _realise(asked: BundleRequest, store: Store, progress: Progress) -> list[Realised]:
    from bindery.environments import fetch_mirrors, find_installable, realise  # noqa: PLC0415

    path = Path(asked.target)
    if path.is_file():
        first = _of_file(path)
    else:
        environment = find_installable(read_settings(Path.cwd()), asked.target)
        platform = next(iter(asked.platforms or _locked_platforms(environment, asked.packages)), host_platform())
        first = realise(
            environment,
            packages=asked.packages,
            interpreter=asked.interpreter,
            platform=platform,
            store=store,
            progress=progress,
        )
    places = dict(first.mirrors) | fetch_mirrors(first.lock, asked.mirrors)
    platforms = asked.platforms or first.lock.platforms
    return [replace(first, platform=platform, mirrors=places) for platform in platforms]


def _locked_platforms(environment: Environment, packages: PackagesSource) -> tuple[str, ...]:
    from bindery.environments import read_lock  # noqa: PLC0415

    return read_lock(environment.lock_path, environment.fix).platforms if packages == "conda-forge" else ()


def _of_file(path: Path) -> Realised:
    from bindery.environments import Environment, Realised, read_lock  # noqa: PLC0415

    lock = read_lock(path)
    folder = path.absolute().parent
    return Realised(
        environment=Environment(name=folder.name, folder=folder),
        lock=lock,
        packages="wheels" if dict(lock.custom_metadata).get("packages") == "wheels" else "conda-forge",
        platform=lock.platforms[0],
        label=folder.name.replace("-", " ").title(),
    )
