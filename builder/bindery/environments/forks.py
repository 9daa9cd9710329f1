"""Forks: a parent, a few lines of one's own, and a lock that is the parent's but for what the lines need."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from bindery.core import BadInput, Digest, digest_bytes, encode_json, remove_tree, write_file
from bindery.environments.changes import compare_packages
from bindery.environments.content_hash import content_hashes
from bindery.environments.environment import FORK_KEY, LOCK_NAME, SPEC_NAME, Environment
from bindery.environments.fork_table import with_fork
from bindery.environments.lockfile import read_lock, write_lock
from bindery.environments.package_lists import list_lock
from bindery.environments.releases import find_installable, release_of
from bindery.environments.solve import Solution, SolveOptions, made_by, solve_with_reasons
from bindery.environments.spec import read_spec
from bindery.environments.spec_drafts import read_draft
from bindery.environments.spec_edits import name_of_line

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bindery.core import Progress, Settings, Store
    from bindery.environments.changes import PackageChange
    from bindery.environments.lockfile import Lock, LockedPackage, Pairs

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")


@dataclass(frozen=True, kw_only=True, slots=True)
class ForkLines:
    """What a fork says itself.

    ``add`` are lines for packages that its parent does not ask for, ``pin`` are lines for packages that its parent has
    in another version, ``remove`` are names that its parent asks for and it does without.
    """

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    pin: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ForkPlan:
    """A fork before it is written: itself, its lock, its own spec's text (None: it has no lines for one).

    ``departures`` are the packages in which it is not its parent, with the reasons by name and platform.
    """

    environment: Environment
    lock: Lock
    spec_text: str | None
    departures: tuple[PackageChange, ...]
    reasons: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def why(self, change: PackageChange) -> str:
        """Return why this package is not the parent's; empty if that is not known."""
        return self.reasons.get((change.name, change.platforms[0]), "")


@dataclass(frozen=True, kw_only=True, slots=True)
class Places:
    """Where records of packages are kept, who is told, and ``mirrors`` as in a ``LockRequest``."""

    store: Store
    progress: Progress
    mirrors: Mapping[str, str] = field(default_factory=dict)


def plan_fork(settings: Settings, parent: str, name: str, lines: ForkLines, places: Places) -> ForkPlan:
    """Return the fork ``name`` of ``pangeo@2025.08.14``, or of ``pangeo`` as it is now; nothing is written.

    Raises:
        BadInput: the name is taken, there is no such parent, a line does not fit it, or there is no solution.
        ToolFailed: a channel does not answer.

    """
    folder = settings.environments_folder / name
    if not _NAME.fullmatch(name):
        raise BadInput(f"{name!r} is no name of an environment", fix="use small letters, digits and . _ -")
    if folder.exists():
        raise BadInput("is there already", str(folder), "choose another name, or use bindery rebase")
    above, fork_of = find_parent(settings, parent)
    _check_lines(above, lines)
    environment = Environment(name=name, folder=folder, extends=(above,), fork_of=fork_of, without=lines.remove)
    text = _spec_text(environment, lines)
    solution = inherit(environment, text, places=places)
    return ForkPlan(
        environment=environment,
        lock=solution.lock,
        spec_text=text,
        departures=departures(environment, solution.lock),
        reasons=solution.reasons,
    )


def write_fork(settings: Settings, plan: ForkPlan) -> None:
    """Put the fork's files in their places, and its parent into ``bindery.toml``.

    Raises:
        BadInput: ``bindery.toml`` cannot be edited.
        ToolFailed: the disk is full or cannot be written.

    """
    environment = plan.environment
    path = settings.root / "bindery.toml"
    text = path.read_text(encoding="utf-8")
    edited = with_fork(
        text, str(path), environment.name, fork_of=environment.fork_of or "", without=environment.without
    )
    # A table without its folder is no environment yet, so whoever is stopped in between can call again.
    if edited != text:
        write_file(path, edited)
    work = environment.folder.with_name(f".{environment.name}.{secrets.token_hex(4)}.part")
    try:
        if plan.spec_text is not None:
            write_file(work / SPEC_NAME, plan.spec_text)
        write_lock(plan.lock, work / LOCK_NAME)
        work.rename(environment.folder)
    finally:
        remove_tree(work)


def find_parent(settings: Settings, target: str) -> tuple[Environment, str]:
    """Return the parent, and how ``fork_of`` names it.

    An environment as it is now stands for the release with the same packages if there is one, else for the digest of
    its lock.

    Raises:
        BadInput: there is no such environment or release, or it has no lock.

    """
    environment = find_installable(settings, target)
    if not environment.lock_path.is_file():
        raise BadInput("has no lock to inherit packages from", environment.title, environment.fix)
    if environment.release is None:
        lock = read_lock(environment.lock_path, environment.fix)
        versions = {release_of(environment, lock, platform) for platform in lock.platforms}
        version = versions.pop() if len(versions) == 1 else None
        if version is None:
            return environment, f"{environment.name}@{identity(lock)}"
        environment = find_installable(settings, f"{environment.name}@{version}")
    return environment, environment.title


def identity(lock: Lock) -> Digest:
    """Return the digest of a lock's package sets, on all its platforms."""
    return digest_bytes(encode_json({platform: str(lock.digest(platform)) for platform in lock.platforms}))


def inherit(environment: Environment, spec_text: str | None, *, own: Lock | None = None, places: Places) -> Solution:
    """Return the lock of the fork with this text of its own: its parent's packages but for what its lines need.

    ``own`` is the lock that it has: of it those packages are kept of which the parent has none of the name.

    Raises:
        BadInput: there is no solution.
        ToolFailed: a channel does not answer.

    """
    (parent,) = environment.extends
    inherited = read_lock(parent.lock_path, parent.fix)
    spec = read_draft(environment, spec_text)
    metadata = fork_metadata(environment)
    if spec_text is None and not environment.without:
        lock = replace(
            inherited,
            content_hash=tuple(content_hashes(spec).items()),
            sources=tuple(f"{_upwards(environment, source)}" for source in spec.sources),
            time_metadata=(),
            git_metadata=(),
            inputs_metadata=(),
            custom_metadata=(*made_by(), *metadata),
        )
        return Solution(lock=lock, reasons={})
    options = SolveOptions(
        mirrors=places.mirrors,
        locked=inherited_packages(environment, own),
        keep=True,
        metadata=metadata,
    )
    return solve_with_reasons(
        spec, environment.lock_path, store=places.store, progress=places.progress, options=options
    )


def inherited_packages(environment: Environment, own: Lock | None) -> tuple[LockedPackage, ...]:
    """Return what a new lock of the fork is to keep: its parent's packages, and what it has itself beside them.

    Raises:
        BadInput: the parent's lock cannot be read.

    """
    (parent,) = environment.extends
    inherited = read_lock(parent.lock_path, parent.fix).packages
    keys = {package.key for package in inherited}
    return (*inherited, *(package for package in (own.packages if own else ()) if package.key not in keys))


def fork_metadata(environment: Environment) -> Pairs:
    """Return what a fork's lock says of its parent.

    Raises:
        BadInput: the parent's lock cannot be read.

    """
    (parent,) = environment.extends
    return ((FORK_KEY, f"{environment.fork_of} {identity(read_lock(parent.lock_path, parent.fix))}"),)


def departures(environment: Environment, lock: Lock) -> tuple[PackageChange, ...]:
    """Return the packages in which the fork's lock is not its parent's."""
    (parent,) = environment.extends
    direct = frozenset(asked.name for _, asks in read_spec(parent).requirements for asked in asks)
    inherited = read_lock(parent.lock_path, parent.fix)
    return compare_packages(list_lock(inherited, parent.title, direct), list_lock(lock, environment.name, direct))


def asked_names(environment: Environment) -> frozenset[str]:
    """Return the packages that the environment and those below it ask for by name, on any platform."""
    return frozenset(asked.name for _, asks in read_spec(environment).requirements for asked in asks)


def _check_lines(parent: Environment, lines: ForkLines) -> None:
    asked = asked_names(parent)
    has = {package.name for package in read_lock(parent.lock_path, parent.fix).packages}
    _check_words(lines)
    for line in lines.add:
        if (name := name_of_line(line)) in asked:
            raise BadInput(f"asks for {name} already", parent.title, f"to have another version of it: --pin '{line}'")
    for line in lines.pin:
        if (name := name_of_line(line)) not in has:
            raise BadInput(f"has no package {name}", parent.title, f"to have it: --add '{line}'")
    for name in lines.remove:
        if name not in asked:
            what = "only as what others need" if name in has else "not at all"
            raise BadInput(f"has {name} {what}: there is nothing to remove", parent.title)


def _check_words(lines: ForkLines) -> None:
    for line in (*lines.add, *lines.pin):
        if not name_of_line(line) or "\n" in line:
            raise BadInput(f"{line!r} is no line of a spec", fix="write NAME, NAME=1.2 or 'NAME>=1.2,<2'")
    named = [*(name_of_line(line) for line in (*lines.add, *lines.pin)), *lines.remove]
    for name in named:
        if named.count(name) > 1:
            raise BadInput(f"{name} is named twice", fix="say one thing about it")


def _spec_text(environment: Environment, lines: ForkLines) -> str | None:
    if not lines.add and not lines.pin:
        return None
    (parent,) = environment.extends
    channels = [channel.url for channel in read_spec(parent).channels]
    return "\n".join(
        [
            f"# What {environment.name} has beside its parent, which bindery.toml names. All else is the parent's.",
            f"name: {environment.name}",
            "channels:",
            *(f"  - {name}" for name in channels),
            "dependencies:",
            *(f"  - {_scalar(line)} # added" for line in lines.add),
            *(f"  - {_scalar(line)} # another version than the parent's" for line in lines.pin),
            "",
        ]
    )


def _scalar(line: str) -> str:
    return "'" + line.replace("'", "''") + "'" if re.search(r"[^\w.=<>-]|^[=<>-]", line) else line


def _upwards(environment: Environment, source: Path) -> str:
    return f"../{source.relative_to(environment.folder.parent).as_posix()}"
