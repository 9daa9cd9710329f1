"""What takes a solver, a network or other people's records: whether a lock is still the best there is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bindery.environments.check import CheckFinding
from bindery.environments.lockfile import read_lock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bindery.core import Progress, Store
    from bindery.environments.advisories import Advisory, AffectedPackage
    from bindery.environments.environment import Environment
    from bindery.environments.lockfile import Lock
    from bindery.environments.updates import Update

_MOST_NAMES = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class DeepRequest:
    """What is looked at. No ``advisories`` (None) is not the same as none that are about anything.

    ``mirrors`` are from a channel's name or URL to a folder or URL with the same bytes.
    """

    solve: bool = False
    urls: bool = False
    advisories: tuple[Advisory, ...] | None = None
    mirrors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class DeepCheck:
    """What does not hold, what does, in words, and the affected packages once more, for programs."""

    findings: tuple[CheckFinding, ...] = ()
    statements: tuple[str, ...] = ()
    affected: tuple[tuple[AffectedPackage, Update], ...] = ()


def check_deeply(environment: Environment, request: DeepRequest, *, store: Store, progress: Progress) -> DeepCheck:
    """Return what was found; nothing if the environment has no lock.

    Raises:
        BadInput: the lock cannot be read, or its spec has no solution any more.
        ToolFailed: a channel does not answer.
        WrongUse: a mirror is given for a channel that is not the lock's.

    """
    if not environment.lock_path.is_file():
        return DeepCheck()
    lock = read_lock(environment.lock_path, environment.fix)
    parts: list[DeepCheck] = []
    if request.advisories is not None:
        parts.append(_check_advisories(environment, lock, request, request.advisories, store))
    if request.urls:
        parts.append(_check_urls(environment, lock, request, progress))
    if request.solve:
        parts.append(_check_solve(environment, request, store, progress))
    return DeepCheck(
        findings=tuple(finding for part in parts for finding in part.findings),
        statements=tuple(statement for part in parts for statement in part.statements),
        affected=tuple(one for part in parts for one in part.affected),
    )


def _check_advisories(
    environment: Environment, lock: Lock, request: DeepRequest, advisories: tuple[Advisory, ...], store: Store
) -> DeepCheck:
    # Each of the three parts imports what it alone needs.
    from bindery.environments.advisories import find_affected  # noqa: PLC0415

    affected = find_affected(lock, advisories)
    if not affected:
        return DeepCheck(statements=(f"none of {len(advisories)} advisories is about a package of it",))
    from bindery.environments.updates import find_updates  # noqa: PLC0415

    updates = find_updates(environment, lock, affected, mirrors=request.mirrors, store=store)
    both = tuple(zip(affected, updates, strict=True))
    findings = tuple(
        CheckFinding(
            where=str(environment.lock_path),
            what=_describe(one, lock),
            fix=_describe_update(environment, one, update),
        )
        for one, update in both
    )
    return DeepCheck(findings=findings, affected=both)


def _describe(one: AffectedPackage, lock: Lock) -> str:
    only = "" if len(one.platforms) == len(lock.platforms) else f" on {', '.join(one.platforms)}"
    sentences = []
    if one.advisories:
        sentences.append(f"is affected by {'; '.join(map(_name, one.advisories))}")
    if one.undecided:
        sentences.append(f"cannot be placed in the ranges of {'; '.join(map(_name, one.undecided))}")
    return f"{one.name} {one.version}{only} {', and '.join(sentences)}"


def _name(advisory: Advisory) -> str:
    aliases = f" ({', '.join(advisory.aliases)})" if advisory.aliases else ""
    return f"{advisory.id}{aliases}{f': {advisory.summary}' if advisory.summary else ''}"


def _describe_update(environment: Environment, one: AffectedPackage, update: Update) -> str:
    name, version = one.name, update.version
    if update.known_from == "advisories":
        if version is None:
            return f"the advisories name no version of {name} that is not affected; read them"
        where = "pip's index has" if one.manager == "pip" else "the channels have"
        return (
            f"{name} {version} or newer leaves them, as they say; whether {where} it was not looked up: "
            f"{environment.fix} --update {name}"
        )
    if version is None:
        return f"the channels' records at hand have no newer {name} that is certainly not affected; read the advisories"
    if update.fits is None:
        how = f"{name} {version} is the smallest update that leaves them; whether it can be solved was not tried"
    elif update.fits:
        how = f"{name} {version} is the smallest update that leaves them and can be solved"
    else:
        tried = ", ".join(update.tried)
        return f"the spec leaves no solution with {name} {tried}, the smallest that leave them: relax what it asks for"
    return f"{how}: {environment.fix} --update {name}={version}"


def _check_urls(environment: Environment, lock: Lock, request: DeepRequest, progress: Progress) -> DeepCheck:
    from bindery.environments.urls import find_silent_urls  # noqa: PLC0415

    silent = find_silent_urls(lock, request.mirrors, progress)
    urls = len({package.url for package in lock.packages})
    if not silent:
        return DeepCheck(statements=(f"all {urls} URLs answer",))
    findings = tuple(
        CheckFinding(
            where=one.url,
            what=f"{', '.join(one.packages)}: {one.what}",
            fix=f"try again later; if it was removed: {environment.fix} --update {one.packages[0].partition(' ')[0]}",
        )
        for one in silent
    )
    return DeepCheck(findings=findings)


def _check_solve(environment: Environment, request: DeepRequest, store: Store, progress: Progress) -> DeepCheck:
    from bindery.environments.relock import LockRequest, plan_lock  # noqa: PLC0415

    plan = plan_lock(environment, LockRequest(mirrors=request.mirrors), store=store, progress=progress)
    names = list(dict.fromkeys(change.name for change in plan.changes))
    if not names:
        return DeepCheck(statements=("a fresh solve is the same",))
    more = ", …" if len(names) > _MOST_NAMES else ""
    finding = CheckFinding(
        where=str(environment.lock_path),
        what=f"a fresh solve changes {len(names)} packages: {', '.join(names[:_MOST_NAMES])}{more}",
        fix=f"{environment.fix} --dry-run, to see them",
    )
    return DeepCheck(findings=(finding,))
