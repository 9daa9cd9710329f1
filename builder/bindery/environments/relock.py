"""A new lock for an environment, beside the old one: what ``bindery lock`` would write, before it does."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bindery.core import BadInput, digest_file
from bindery.environments.changes import compare_packages
from bindery.environments.lockfile import read_lock
from bindery.environments.package_lists import PackageList, list_lock
from bindery.environments.solve import SolveOptions, solve_lock
from bindery.environments.spec import read_spec

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bindery.core import Progress, Store
    from bindery.environments.changes import PackageChange
    from bindery.environments.environment import Environment
    from bindery.environments.lockfile import Lock, LockedPackage, Pairs

OWN_METADATA = frozenset({"created_by", "solver", "locked_from", "mirrored_channels"})


@dataclass(frozen=True, kw_only=True, slots=True)
class LockRequest:
    """What is asked for beside the spec.

    ``locked_from`` is a lock whose packages are kept where the spec lets them be. ``update`` names packages of the
    environment's own lock to bring up to date, while all others are kept. ``mirrors`` are from a channel's name to a
    folder or URL. ``metadata`` is written into the lock, beside what Bindery writes there itself.
    """

    mirrors: Mapping[str, str] = field(default_factory=dict)
    locked_from: Path | None = None
    update: tuple[str, ...] = ()
    metadata: Pairs = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class LockPlan:
    """The new lock, and how it differs from the old one."""

    lock: Lock
    previous: Lock | None
    changes: tuple[PackageChange, ...]


def plan_lock(environment: Environment, request: LockRequest, *, store: Store, progress: Progress) -> LockPlan:
    """Return the new lock; nothing is written.

    Raises:
        BadInput: the spec cannot be read or has no solution, or a lock that is needed cannot be read.
        ToolFailed: a channel does not answer.

    """
    spec = read_spec(environment)
    previous = _previous(environment, request)
    options = SolveOptions(
        mirrors=request.mirrors,
        locked=_kept(environment, request, previous),
        metadata=_metadata(request),
    )
    lock = solve_lock(spec, environment.lock_path, store=store, progress=progress, options=options)
    before = list_lock(previous, "before") if previous else PackageList(label="before", packages=())
    return LockPlan(lock=lock, previous=previous, changes=compare_packages(before, list_lock(lock, "after")))


def _previous(environment: Environment, request: LockRequest) -> Lock | None:
    if not environment.lock_path.is_file():
        return None
    try:
        return read_lock(environment.lock_path, environment.fix)
    except BadInput:
        if request.update:
            raise
        return None  # a damaged lock is what this command mends


def _kept(environment: Environment, request: LockRequest, previous: Lock | None) -> tuple[LockedPackage, ...]:
    kept = read_lock(request.locked_from).packages if request.locked_from else ()
    if not request.update:
        return kept
    if previous is None:
        raise BadInput("there is no lock to update", str(environment.lock_path), environment.fix)
    names = {package.name for package in previous.packages}
    for name in request.update:
        if name not in names:
            near = difflib.get_close_matches(name, sorted(names), n=1)
            fix = f"did you mean {near[0]}?" if near else environment.fix
            raise BadInput(f"has no package {name}", str(environment.lock_path), fix)
    return (*kept, *(package for package in previous.packages if package.name not in request.update))


def _metadata(request: LockRequest) -> Pairs:
    pairs: list[tuple[str, str]] = []
    if request.locked_from:
        pairs.append(("locked_from", f"{request.locked_from.name} {digest_file(request.locked_from)}"))
    if request.mirrors:
        pairs.append(("mirrored_channels", ", ".join(sorted(request.mirrors))))
    for key, value in request.metadata:
        if key in OWN_METADATA or key in dict(pairs):
            raise BadInput(f"the metadata {key} is given twice, or is written by Bindery itself")
        pairs.append((key, value))
    return tuple(pairs)
