"""Spec → lock."""

from __future__ import annotations

import importlib.metadata
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from bindery import __version__
from bindery.core import BadInput, Digest
from bindery.environments.categories import with_categories
from bindery.environments.channels import resolve_channels
from bindery.environments.content_hash import content_hashes
from bindery.environments.dependencies import merge_depends
from bindery.environments.lockfile import Lock, LockedPackage
from bindery.environments.mirrors import with_readable_records
from bindery.environments.pip_section import resolve_pip
from bindery.environments.solver import PlatformRequest, solve_records
from bindery.environments.virtual_packages import virtual_packages

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bindery.core import Progress, Store
    from bindery.environments.lockfile import Pairs
    from bindery.environments.solver import Record
    from bindery.environments.spec import Requirement, Spec


@dataclass(frozen=True, kw_only=True, slots=True)
class SolveOptions:
    """How to solve.

    ``mirrors`` are from a channel's name or URL to a folder or URL with the same bytes. Packages in ``locked`` are
    kept where the spec lets them be. ``glibc`` is the version that the machine is taken to have, if not conda-lock's
    default. ``metadata`` is written into the lock.
    """

    mirrors: Mapping[str, str] = field(default_factory=dict)
    locked: tuple[LockedPackage, ...] = ()
    glibc: str | None = None
    metadata: Pairs = ()


def solve_lock(
    spec: Spec, lock_path: Path, *, store: Store, progress: Progress, options: SolveOptions | None = None
) -> Lock:
    """Return the lock of the spec, for all its platforms; ``lock_path`` is where it will be.

    Raises:
        BadInput: the spec has no solution on a platform, and the error says why.
        ToolFailed: a channel does not answer.

    """
    options = options or SolveOptions()
    channels = tuple(
        with_readable_records(channel, store) for channel in resolve_channels(spec.channels, options.mirrors)
    )
    where = str(spec.sources[-1]) if spec.sources else str(lock_path)
    requests = [_request(spec, platform, options) for platform in spec.platforms]
    with progress.task("solving", len(requests), "steps") as task:
        solved = solve_records(requests, channels, cache=store.root / "repodata", where=where)
        task.advance(len(requests))
    packages: list[LockedPackage] = []
    for platform in spec.platforms:
        conda = tuple(_locked_package(record, platform) for record in solved[platform])
        with tempfile.TemporaryDirectory(prefix="bindery-pip-") as folder:
            pip = resolve_pip(spec, platform, conda, folder=Path(folder), where=where)
        packages.extend(with_categories((*conda, *pip), spec.requirements_for(platform)))
    return Lock(
        packages=tuple(packages),
        content_hash=tuple(content_hashes(spec).items()),
        channels=spec.channels,
        platforms=spec.platforms,
        sources=tuple(_relative(source, lock_path.parent) for source in spec.sources),
        custom_metadata=(*_made_by(), *options.metadata),
    ).canonical()


def _request(spec: Spec, platform: str, options: SolveOptions) -> PlatformRequest:
    return PlatformRequest(
        platform=platform,
        requirements=_conda_requirements(spec, platform),
        locked=tuple(
            package for package in options.locked if package.platform == platform and package.manager == "conda"
        ),
        virtual_packages=virtual_packages(platform, options.glibc),
    )


def _conda_requirements(spec: Spec, platform: str) -> tuple[Requirement, ...]:
    return tuple(asked for asked in spec.requirements_for(platform) if asked.manager == "conda")


def _locked_package(record: Record, platform: str) -> LockedPackage:
    if record.md5 is None or record.sha256 is None:
        missing = "md5" if record.md5 is None else "sha256"
        raise BadInput(f"the channel's record of it has no {missing}, and a lock cannot be without", record.url)
    package = LockedPackage(
        name=record.name,
        version=record.version,
        manager="conda",
        platform=platform,
        dependencies=merge_depends(record.depends),
        url=record.url,
        md5=Digest("md5", record.md5),
        sha256=Digest("sha256", record.sha256),
    )
    if not package.has_sound_url:
        raise BadInput(f"the channel's record of {record.name} points to no package for {platform}", record.url)
    return package


def _made_by() -> Pairs:
    # Flat text, and created_by always: conda's own plug-in for these files refuses them otherwise.
    return (
        ("created_by", f"bindery {__version__}"),
        ("solver", f"py-rattler {importlib.metadata.version('py-rattler')}"),
    )


def _relative(source: Path, folder: Path) -> str:
    return PurePath(os.path.relpath(source, folder)).as_posix()
