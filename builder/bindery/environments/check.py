"""Whether an environment is as it should be: its lock current, its releases untouched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bindery.core import BadInput
from bindery.environments.content_hash import accepted_hashes
from bindery.environments.environment import FORK_KEY
from bindery.environments.lockfile import read_lock
from bindery.environments.releases import list_releases
from bindery.environments.spec import read_spec

if TYPE_CHECKING:
    from bindery.environments.environment import Environment
    from bindery.environments.lockfile import Lock


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckFinding:
    """Something that does not hold, where, and what to do about it."""

    where: str
    what: str
    fix: str


@dataclass(frozen=True, kw_only=True, slots=True)
class EnvironmentCheck:
    """What was looked at, in numbers, what does not hold, and what is as it should be and worth knowing."""

    name: str
    platforms: int
    packages: int
    releases: int
    wheels: tuple[str, ...]
    findings: tuple[CheckFinding, ...]
    notes: tuple[str, ...] = ()


def check_lock(environment: Environment) -> tuple[CheckFinding, ...]:
    """Return why the environment's lock is stale; nothing if it is current, or if there are only pins of wheels.

    Raises:
        BadInput: the spec or the lock cannot be read.

    """
    return _check_lock(environment, _read(environment))


def _read(environment: Environment) -> Lock | None:
    return read_lock(environment.lock_path, environment.fix) if environment.lock_path.is_file() else None


def _check_lock(environment: Environment, lock: Lock | None) -> tuple[CheckFinding, ...]:
    where, fix = str(environment.lock_path), environment.fix
    if lock is None:
        missing = CheckFinding(where=where, what="there is no lock", fix=fix)
        return () if environment.wheels_paths else (missing,)
    if not environment.sources:
        return ()
    spec = read_spec(environment)
    if spec.platforms != lock.platforms:
        what = f"is locked for {', '.join(lock.platforms)}, and the spec asks for {', '.join(spec.platforms)}"
        return (CheckFinding(where=where, what=what, fix=fix),)
    recorded = dict(lock.content_hash)
    stale = [platform for platform in spec.platforms if recorded.get(platform) not in accepted_hashes(spec, platform)]
    if not stale:
        return ()
    what = f"was solved for another spec than {', '.join(lock.sources)} is now, on {', '.join(stale)}"
    return (CheckFinding(where=where, what=what, fix=_how_to_mend(environment, lock)),)


def _how_to_mend(environment: Environment, lock: Lock) -> str:
    """Return how the lock comes to fit its spec; nothing moves by that which the spec lets be."""
    if environment.release is not None:
        return environment.fix
    if environment.fork_of is None:
        return f"{environment.fix} --keep, or without --keep to have the newest of everything"
    made_on = dict(lock.custom_metadata).get(FORK_KEY, "").partition(" ")[0]
    if made_on in {"", environment.fork_of}:
        return environment.fix
    return f"carry on with what was interrupted: bindery rebase {environment.name} --onto {made_on}"


def check_environment(environment: Environment) -> EnvironmentCheck:
    """Return what holds and what does not: lock, releases, pins."""
    findings: list[CheckFinding] = []
    platforms = packages = releases = 0
    notes: tuple[str, ...] = ()
    try:
        lock = _read(environment)
        if lock is not None:
            platforms, packages = len(lock.platforms), len(lock.packages)
            notes = _notes(lock)
        findings.extend(_check_lock(environment, lock))
    except BadInput as error:
        findings.append(_finding(error))
    try:
        releases = len(list_releases(environment))
    except BadInput as error:
        findings.append(_finding(error))
    return EnvironmentCheck(
        name=environment.name,
        platforms=platforms,
        packages=packages,
        releases=releases,
        wheels=tuple(path.name for path in environment.wheels_paths),
        findings=tuple(findings),
        notes=notes,
    )


def _notes(lock: Lock) -> tuple[str, ...]:
    pip = {package.name for package in lock.packages if package.manager == "pip"}
    if not pip:
        return ()
    return (f"{len(pip)} of its packages are pip's, and conda's own plug-in conda-lockfiles refuses such locks",)


def _finding(error: BadInput) -> CheckFinding:
    return CheckFinding(where=error.where, what=error.what, fix=error.fix)
