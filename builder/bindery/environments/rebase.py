"""Forks on the next release of their parent: the same lines of their own, everything else from there."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bindery.core import BadInput, write_file
from bindery.environments.changes import compare_packages
from bindery.environments.check import check_lock
from bindery.environments.fork_table import with_fork
from bindery.environments.forks import ForkPlan, Places, asked_names, departures, find_parent, inherit
from bindery.environments.lockfile import read_lock, write_lock
from bindery.environments.package_lists import list_lock
from bindery.environments.spec.source import read_source
from bindery.environments.spec_edits import edit_spec, name_of_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bindery.core import Settings
    from bindery.environments.changes import PackageChange
    from bindery.environments.environment import Environment
    from bindery.environments.lockfile import Lock
    from bindery.environments.solve import Solution

UNSOLVABLE = "cannot be solved"


@dataclass(frozen=True, kw_only=True, slots=True)
class DroppedPackage:
    """A package that the old parent asks for and the new one does not; ``stays`` if something still needs it."""

    name: str
    stays: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class RebasePlan:
    """A fork on another parent, before it is written.

    ``moved`` is what differs from the fork as it was. ``given_up`` is the smallest set of its own lines without which
    there is a solution, and ``conflict`` says why there is none with them. ``idle`` are what it says itself and the
    new parent says, too.
    """

    fork: ForkPlan
    previous: Environment
    moved: tuple[PackageChange, ...]
    dropped: tuple[DroppedPackage, ...] = ()
    idle: tuple[str, ...] = ()
    given_up: tuple[str, ...] = ()
    conflict: str = ""


def plan_rebase(settings: Settings, environment: Environment, onto: str, places: Places) -> RebasePlan:
    """Return the fork on the parent ``pangeo@2026.11.22``; nothing is written.

    Onto the parent that it has, it is as it was.

    Raises:
        BadInput: it is no fork, there is no such parent, or none of its lines can be given up to have a solution.
        ToolFailed: a channel does not answer.

    """
    if environment.fork_of is None:
        raise BadInput("is no fork", str(environment.folder), f"bindery fork {onto} NAME makes one")
    parent, fork_of = find_parent(settings, onto)
    if environment.name in {layer.name for layer in parent.layers}:
        raise BadInput(f"{onto} is made from it", str(environment.folder), "name another parent")
    old = read_lock(environment.lock_path, environment.fix)
    text = environment.spec_path.read_text(encoding="utf-8") if environment.spec_path.is_file() else None
    if fork_of == environment.fork_of and not check_lock(environment):
        kept = ForkPlan(environment=environment, lock=old, spec_text=text, departures=departures(environment, old))
        return RebasePlan(fork=kept, previous=environment, moved=())
    moved_fork = replace(environment, extends=(parent,), fork_of=fork_of)
    given_up: tuple[str, ...] = ()
    conflict = ""
    try:
        solution = inherit(moved_fork, text, own=old, places=places)
    except BadInput as error:
        if not error.what.startswith(UNSOLVABLE):
            raise
        conflict = error.what
        given_up, text, solution = _smallest_loss(moved_fork, text, old, places, error)
    direct = asked_names(parent) | _own_names(environment)
    return RebasePlan(
        fork=ForkPlan(
            environment=moved_fork,
            lock=solution.lock,
            spec_text=text,
            departures=departures(moved_fork, solution.lock),
            reasons=solution.reasons,
        ),
        previous=environment,
        moved=compare_packages(list_lock(old, environment.fork_of, direct), list_lock(solution.lock, fork_of, direct)),
        dropped=_dropped(environment, moved_fork, solution),
        idle=_idle(environment, parent),
        given_up=given_up,
        conflict=conflict,
    )


def write_rebase(settings: Settings, plan: RebasePlan) -> None:
    """Put the fork's files in their places, and its new parent into ``bindery.toml``; what is as it was stays.

    Raises:
        BadInput: ``bindery.toml`` cannot be edited.
        ToolFailed: the disk is full or cannot be written.

    """
    fork, environment = plan.fork, plan.fork.environment
    if environment == plan.previous and fork.lock == read_lock(environment.lock_path, environment.fix):
        return
    path = settings.root / "bindery.toml"
    old = path.read_text(encoding="utf-8")
    edited = with_fork(old, str(path), environment.name, fork_of=environment.fork_of or "", without=environment.without)
    if fork.spec_text is None:
        environment.spec_path.unlink(missing_ok=True)
    elif fork.spec_text != environment.spec_path.read_text(encoding="utf-8"):
        write_file(environment.spec_path, fork.spec_text)
    write_lock(fork.lock, environment.lock_path)
    # The parent comes last: whoever is stopped before has a stale lock, and the same call mends it.
    write_file(path, edited)


def _smallest_loss(
    environment: Environment, text: str | None, own: Lock, places: Places, error: BadInput
) -> tuple[tuple[str, ...], str | None, Solution]:
    """Return the fewest lines without which there is a solution, the text without them, and the solution.

    Raises:
        BadInput: there is none without all of them either.

    """
    for lines in _by_size(_own_lines(environment)):
        left = _without(environment, text, lines)
        try:
            return lines, left, inherit(environment, left, own=own, places=places)
        except BadInput as other:
            if not other.what.startswith(UNSOLVABLE):
                raise
    raise error


def _by_size(lines: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for size in range(1, len(lines) + 1):
        yield from itertools.combinations(lines, size)


def _own_lines(environment: Environment) -> tuple[str, ...]:
    return read_source(environment.spec_path).lines if environment.spec_path.is_file() else ()


def _own_names(environment: Environment) -> frozenset[str]:
    return frozenset(name_of_line(line) for line in _own_lines(environment))


def _without(environment: Environment, text: str | None, lines: tuple[str, ...]) -> str | None:
    own = _own_lines(environment)
    if text is None or len(lines) == len(own):
        return None
    return edit_spec(text, str(environment.spec_path), remove=[name_of_line(line) for line in lines])


def _dropped(before: Environment, after: Environment, solution: Solution) -> tuple[DroppedPackage, ...]:
    (old,), (new,) = before.extends, after.extends
    names = asked_names(old) - asked_names(new) - _own_names(before) - set(before.without)
    left = {package.name for package in solution.lock.packages}
    return tuple(DroppedPackage(name=name, stays=name in left) for name in sorted(names))


def _idle(environment: Environment, parent: Environment) -> tuple[str, ...]:
    """Return the lines for what the new parent asks for itself, and what it no longer asks for to be left out."""
    asked = asked_names(parent)
    new = asked - asked_names(environment.extends[0])
    added = [line for line in _own_lines(environment) if name_of_line(line) in new]
    return (*added, *(f"without {name}" for name in environment.without if name not in asked))
