"""Spec → lock."""

from __future__ import annotations

import importlib.metadata
import os
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from bindery import __version__
from bindery.core import BadInput, Digest, WrongUse
from bindery.environments.categories import with_categories
from bindery.environments.channels import resolve_channels
from bindery.environments.content_hash import content_hashes
from bindery.environments.dependencies import merge_depends
from bindery.environments.lockfile import Lock, LockedPackage
from bindery.environments.mirrors import with_readable_records
from bindery.environments.pip_section import PipChoice, resolve_pip
from bindery.environments.solver import PlatformRequest, RecordsChoice, match_spec, solve_records
from bindery.environments.spec.plain import parse_plain
from bindery.environments.virtual_packages import virtual_packages

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bindery.core import Progress, Store
    from bindery.environments.channels import Channel
    from bindery.environments.lockfile import LockedChannel, Pairs
    from bindery.environments.solver import Record
    from bindery.environments.spec import Requirement, Spec


@dataclass(frozen=True, kw_only=True, slots=True)
class SolveOptions:
    """How to solve.

    ``mirrors`` are from a channel's name or URL to a folder or URL with the same bytes. Packages in ``locked`` are
    kept where the solver easily can; with ``keep``, as many of them as possible, and those in ``update`` are brought
    to their newest, or to the newest in a range: ``numpy``, ``numpy=2.2``. ``glibc`` is the version that the machine
    is taken to have, if not conda-lock's default. ``metadata`` is written into the lock.
    """

    mirrors: Mapping[str, str] = field(default_factory=dict)
    locked: tuple[LockedPackage, ...] = ()
    keep: bool = False
    update: tuple[str, ...] = ()
    choice: RecordsChoice = field(default_factory=RecordsChoice)
    glibc: str | None = None
    metadata: Pairs = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Solution:
    """A lock, and why conda packages are not as they were, by name and platform; nothing if none were to be kept."""

    lock: Lock
    reasons: Mapping[tuple[str, str], str]


def solve_lock(
    spec: Spec, lock_path: Path, *, store: Store, progress: Progress, options: SolveOptions | None = None
) -> Lock:
    """Return the lock of the spec, for all its platforms; ``lock_path`` is where it will be.

    Raises:
        BadInput: the spec has no solution on a platform, and the error says why.
        ToolFailed: a channel does not answer.

    """
    return solve_with_reasons(spec, lock_path, store=store, progress=progress, options=options).lock


def solve_with_reasons(
    spec: Spec, lock_path: Path, *, store: Store, progress: Progress, options: SolveOptions | None = None
) -> Solution:
    """Return the lock as ``solve_lock`` does, and why packages moved that were to be kept.

    Raises:
        BadInput: the spec has no solution on a platform, and the error says why.
        ToolFailed: a channel does not answer.

    """
    options = options or SolveOptions()
    channels = readable_channels(spec.channels, options.mirrors, store)
    where = str(spec.sources[-1]) if spec.sources else str(lock_path)
    requests = [platform_request(spec, platform, options) for platform in spec.platforms]
    with progress.task("solving", len(requests), "steps") as task:
        solved = solve_records(requests, channels, choice=options.choice, cache=records_cache(store), where=where)
        task.advance(len(requests))
    packages: list[LockedPackage] = []
    for platform in spec.platforms:
        before = _unique(options.locked, platform) if options.keep else {}
        conda = tuple(_locked_package(record, platform) for record in solved[platform].records)
        conda = tuple(_as_before(package, before) for package in conda)
        pip = _pip(spec, platform, conda, before, options, where)
        packages.extend(with_categories((*conda, *pip), spec.requirements_for(platform)))
    lock = Lock(
        packages=tuple(packages),
        content_hash=tuple(content_hashes(spec).items()),
        channels=spec.channels,
        platforms=spec.platforms,
        sources=tuple(_relative(source, lock_path.parent) for source in spec.sources),
        custom_metadata=(*made_by(), *options.metadata),
    ).canonical()
    reasons = {(name, platform): why for platform, found in solved.items() for name, why in found.reasons.items()}
    return Solution(lock=lock, reasons=reasons)


def readable_channels(
    channels: Iterable[LockedChannel], mirrors: Mapping[str, str], store: Store
) -> tuple[Channel, ...]:
    """Return the channels as the solver can read them.

    Raises:
        BadInput: a channel's name says nothing, or a mirror is no channel.
        WrongUse: a mirror is given for a channel that is none of these.

    """
    return tuple(with_readable_records(channel, store) for channel in resolve_channels(channels, mirrors))


def records_cache(store: Store) -> Path:
    """Return the folder in which the channels' records are kept."""
    return store.root / "repodata"


def _unique(packages: Iterable[LockedPackage], platform: str) -> dict[tuple[str, str, str], LockedPackage]:
    """Return the platform's packages, each once whatever its categories are."""
    return {package.key: package for package in packages if package.platform == platform}


def _as_before(package: LockedPackage, before: Mapping[tuple[str, str, str], LockedPackage]) -> LockedPackage:
    """Return the package as the old lock had it, if it is the same file: channels mend their records afterwards."""
    old = before.get(package.key)
    is_same = old is not None and (old.sha256, old.file_name) == (package.sha256, package.file_name)
    return replace(old, category=package.category, optional=package.optional) if old and is_same else package


def _pip(
    spec: Spec,
    platform: str,
    conda: tuple[LockedPackage, ...],
    before: Mapping[tuple[str, str, str], LockedPackage],
    options: SolveOptions,
    where: str,
) -> tuple[LockedPackage, ...]:
    """Return the pip packages: with those that were there before, if that can be."""
    updated = {parse_update(line).name for line in options.update}
    kept = {old.name: old.version for old in before.values() if old.manager == "pip" and old.name not in updated}
    machine = virtual_packages(platform, options.glibc, spec.virtual)
    for pins in (kept, {}) if kept else ({},):
        choice = PipChoice(
            kept=pins,
            exclude_newer=options.choice.exclude_newer,
            machine=machine,
            offline=options.choice.offline,
        )
        try:
            with tempfile.TemporaryDirectory(prefix="bindery-pip-") as folder:
                found = resolve_pip(spec, platform, conda, folder=Path(folder), where=where, choice=choice)
        except BadInput:
            if not pins:
                raise
        else:
            break
    return tuple(_as_before(package, before) for package in found)


def platform_request(spec: Spec, platform: str, options: SolveOptions) -> PlatformRequest:
    """Return what the solver is asked for on the platform."""
    conda = [package for package in options.locked if package.manager == "conda"]
    return PlatformRequest(
        platform=platform,
        requirements=_conda_requirements(spec, platform),
        locked=tuple(_unique(conda, platform).values())
        if options.keep
        else tuple(package for package in conda if package.platform == platform),
        keep=options.keep,
        update=tuple(
            match_spec(asked)
            for asked in map(parse_update, options.update)
            if ("conda", asked.name, platform) in _unique(conda, platform)
        ),
        virtual_packages=virtual_packages(platform, options.glibc, spec.virtual),
    )


def parse_update(line: str) -> Requirement:
    """Return what an update asks for: a name, and perhaps a range.

    Raises:
        WrongUse: it is more than that.

    """
    asked = parse_plain(line, "main")
    if asked is None:
        raise WrongUse(f"{line!r} is no update", fix="write NAME, NAME=1.2 or 'NAME>=1.2,<2'")
    return asked


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


def made_by() -> Pairs:
    """Return what is written into every lock's metadata."""
    # Flat text, and created_by always: conda's own plug-in for these files refuses them otherwise.
    return (
        ("created_by", f"bindery {__version__}"),
        ("solver", f"py-rattler {importlib.metadata.version('py-rattler')}"),
    )


def _relative(source: Path, folder: Path) -> str:
    return PurePath(os.path.relpath(source, folder)).as_posix()
