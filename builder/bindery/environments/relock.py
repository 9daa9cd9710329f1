"""A new lock for an environment, beside the old one: what ``bindery lock`` would write, before it does."""

from __future__ import annotations

import difflib
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from bindery.core import BadInput, ToolFailed, WrongUse, digest_file, write_file
from bindery.environments.changes import compare_packages
from bindery.environments.check import check_lock
from bindery.environments.environment import SPEC_NAME
from bindery.environments.forks import fork_metadata, inherited_packages
from bindery.environments.lockfile import read_lock, write_lock
from bindery.environments.package_lists import PackageList, list_lock
from bindery.environments.solve import SolveOptions, made_by, parse_update, solve_with_reasons
from bindery.environments.solver import RecordsChoice
from bindery.environments.spec import read_spec
from bindery.environments.spec_drafts import read_draft
from bindery.environments.spec_edits import NOT_ASKED, edit_spec, name_of_line

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bindery.core import Progress, Store
    from bindery.environments.changes import PackageChange
    from bindery.environments.environment import Environment
    from bindery.environments.lockfile import Lock, LockedPackage, Pairs

OWN_METADATA = frozenset({"created_by", "solver", "locked_from", "mirrored_channels", "exclude_newer"})
ASKED = "asked for"


@dataclass(frozen=True, kw_only=True, slots=True)
class LockRequest:
    """What is asked for beside the spec.

    ``update`` names packages of the environment's own lock to bring to their newest, or to the newest in a range;
    ``add`` are lines for its spec, ``remove`` names packages to take out of it; with any of them, or with ``keep``
    alone, every other package stays as it is unless that is impossible. ``locked_from`` is a lock whose packages are
    kept where the solver easily can. ``mirrors`` are from a channel's name to a folder or URL. ``metadata`` is written
    into the lock, beside what Bindery writes there itself.
    """

    mirrors: Mapping[str, str] = field(default_factory=dict)
    locked_from: Path | None = None
    update: tuple[str, ...] = ()
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    keep: bool = False
    choice: RecordsChoice = field(default_factory=RecordsChoice)
    metadata: Pairs = ()

    @property
    def keeps(self) -> bool:
        """Whether the packages of the environment's own lock are to stay."""
        return self.keep or bool(self.update or self.add or self.remove)


@dataclass(frozen=True, kw_only=True, slots=True)
class LockPlan:
    """The new lock, how it differs from the old one, and why; and the new text of the spec, if that changes.

    ``staying`` are packages that were taken out of the spec and are needed all the same, each with one that needs it.
    """

    lock: Lock
    previous: Lock | None
    changes: tuple[PackageChange, ...]
    reasons: Mapping[tuple[str, str], str] = field(default_factory=dict)
    staying: Pairs = ()
    spec_text: str | None = None

    def why(self, change: PackageChange) -> str:
        """Return why this package is not as it was; empty if it was not to be kept."""
        return self.reasons.get((change.name, change.platforms[0]), "")


def plan_lock(environment: Environment, request: LockRequest, *, store: Store, progress: Progress) -> LockPlan:
    """Return the new lock; nothing is written.

    Raises:
        BadInput: the spec cannot be read or has no solution, or a lock that is needed cannot be read.
        ToolFailed: a channel does not answer.
        WrongUse: the request contradicts itself.

    """
    if request.keeps and request.locked_from:
        raise WrongUse(
            "a package cannot be kept as two locks have it", fix="leave out --locked-from, or all the others"
        )
    spec_text = _edited(environment, request)
    spec = read_spec(environment) if spec_text is None else read_draft(environment, spec_text)
    previous = _previous(environment, request)
    _check_names(environment, request, previous)
    # A fork's packages are its parent's, unless somebody names another lock to keep.
    inherits = environment.fork_of is not None and not request.keeps and request.locked_from is None
    options = SolveOptions(
        mirrors=request.mirrors,
        locked=inherited_packages(environment, previous) if inherits else _locked(request, previous),
        keep=request.keeps or inherits,
        update=request.update,
        choice=request.choice,
        metadata=(*_metadata(request, previous), *(fork_metadata(environment) if inherits else ())),
    )
    solution = solve_with_reasons(spec, environment.lock_path, store=store, progress=progress, options=options)
    lock = solution.lock
    if previous and request.keeps and not request.metadata and _is_as_before(lock, previous):
        lock = previous
    direct = frozenset(asked.name for platform in spec.platforms for asked in spec.requirements_for(platform))
    before = list_lock(previous, "before", direct) if previous else PackageList(label="before", packages=())
    asked = {*(name_of_line(line) for line in request.add), *request.remove}
    changes = compare_packages(before, list_lock(lock, "after", direct))
    # The solver of conda's packages knows nothing of pip's.
    pip = {
        (change.name, platform): ASKED
        for change in changes
        for platform in change.platforms
        if change.manager == "pip" and change.name in {*asked, *map(name_of_line, request.update)}
    }
    return LockPlan(
        lock=lock,
        previous=previous,
        changes=changes,
        reasons={key: ASKED if key[0] in asked else why for key, why in solution.reasons.items()} | pip,
        staying=_staying(lock, request.remove),
        spec_text=spec_text,
    )


def write_plan(plan: LockPlan, environment: Environment) -> None:
    """Put the lock in its place, and the spec that it was solved for; neither if one of them cannot be written.

    Raises:
        ToolFailed: the disk is full or cannot be written; both files are as they were.

    """
    old = environment.spec_path.read_bytes() if plan.spec_text is not None else b""
    if plan.spec_text is not None:
        write_file(environment.spec_path, plan.spec_text)
    try:
        if plan.lock != plan.previous:
            write_lock(plan.lock, environment.lock_path)
    except BaseException:
        if plan.spec_text is not None:
            with suppress(ToolFailed):
                write_file(environment.spec_path, old)
        raise


def _edited(environment: Environment, request: LockRequest) -> str | None:
    if not request.add and not request.remove:
        return None
    where = str(environment.spec_path)
    if not environment.spec_path.is_file():
        raise BadInput("there is no such spec to edit", where)
    text = environment.spec_path.read_text(encoding="utf-8")
    try:
        edited = edit_spec(text, where, add=request.add, remove=request.remove)
    except BadInput as error:
        # The same call may have been killed after it wrote the spec.
        stale = check_lock(environment) if error.what.startswith(NOT_ASKED) else ()
        fixes = (error.fix, *(f"if it was taken out already: {finding.fix}" for finding in stale))
        raise BadInput(error.what, error.where, "; ".join(filter(None, fixes))) from error
    return None if edited == text else edited


def _previous(environment: Environment, request: LockRequest) -> Lock | None:
    if not environment.lock_path.is_file():
        return None
    try:
        return read_lock(environment.lock_path, environment.fix)
    except BadInput:
        if request.keeps:
            raise
        return None  # a damaged lock is what this command mends


def _locked(request: LockRequest, previous: Lock | None) -> tuple[LockedPackage, ...]:
    if request.locked_from:
        return read_lock(request.locked_from).packages
    return previous.packages if previous and request.keeps else ()


def _check_names(environment: Environment, request: LockRequest, previous: Lock | None) -> None:
    if not request.keeps:
        return
    if previous is None:
        raise BadInput("there is no lock to update", str(environment.lock_path), environment.fix)
    names = {package.name for package in previous.packages}
    conda = {package.name for package in previous.packages if package.manager == "conda"}
    for line in request.update:
        name = parse_update(line).name
        if name in names - conda and line != name:
            raise WrongUse(
                f"{name} is a package of pip, and only conda's are brought to a version",
                fix=f"--update {name}, or write the version into the pip: section of {SPEC_NAME}, and --keep",
            )
        if name not in names:
            near = difflib.get_close_matches(name, sorted(names), n=1)
            fix = f"did you mean {near[0]}?" if near else environment.fix
            raise BadInput(f"has no package {name}", str(environment.lock_path), fix)


def _is_as_before(lock: Lock, previous: Lock) -> bool:
    return replace(lock, custom_metadata=()) == replace(previous, custom_metadata=()).canonical()


def _staying(lock: Lock, removed: tuple[str, ...]) -> Pairs:
    found = {}
    for name in removed:
        needing = sorted(package.name for package in lock.packages if name in dict(package.dependencies))
        if any(package.name == name for package in lock.packages):
            found[name] = needing[0] if needing else "the spec of an environment below"
    return tuple(found.items())


def _metadata(request: LockRequest, previous: Lock | None) -> Pairs:
    """Return what is written beside ``made_by``: what the kept packages came with stays with them."""
    pairs = dict(previous.custom_metadata) if previous and request.keeps else {}
    for key, _ in made_by():
        pairs.pop(key, None)
    if request.locked_from:
        pairs["locked_from"] = f"{request.locked_from.name} {digest_file(request.locked_from)}"
    if request.mirrors:
        pairs["mirrored_channels"] = ", ".join(sorted(request.mirrors))
    if request.choice.exclude_newer:
        pairs["exclude_newer"] = request.choice.exclude_newer.isoformat()
    given: set[str] = set()
    for key, value in request.metadata:
        if key in OWN_METADATA or key in given:
            raise BadInput(f"the metadata {key} is given twice, or is written by Bindery itself")
        given.add(key)
        pairs[key] = value
    return tuple(pairs.items())
