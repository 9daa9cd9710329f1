from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bindery.core import BadInput, NoProgress, Store, ToolFailed, WrongUse
from bindery.environments import (
    Environment,
    LockPlan,
    LockRequest,
    plan_lock,
    read_lock,
    write_plan,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HEAD = "# ours\nchannels: [conda-forge]\nplatforms: [linux-64, osx-arm64]\ndependencies:\n"
OLD = HEAD + "  - python=3.12 # why\n  - xarray<2025.7\n  - zarr\n"


class Project:
    """An environment that can be locked from the small channel."""

    def __init__(self, environment: Environment, channel: Path, store: Store) -> None:
        self.environment = environment
        self._channel = channel
        self._store = store

    def plan(self, request: LockRequest | None = None) -> LockPlan:
        """Return what a lock would be."""
        request = replace(request or LockRequest(), mirrors={"conda-forge": str(self._channel)})
        return plan_lock(self.environment, request, store=self._store, progress=NoProgress())

    def write(self, request: LockRequest | None = None) -> LockPlan:
        """Return the plan, which was carried out."""
        plan = self.plan(request)
        write_plan(plan, self.environment)
        return plan

    @property
    def texts(self) -> tuple[bytes, bytes]:
        """The bytes of spec and lock."""
        return self.environment.spec_path.read_bytes(), self.environment.lock_path.read_bytes()


@pytest.fixture
def project(make_environment: Callable[[str], Environment], channel: Path, solver_store: Store) -> Project:
    """Return an environment that was locked when xarray was older."""
    project = Project(make_environment(OLD), channel, solver_store)
    project.write()
    return project


def moves(plan: LockPlan) -> dict[str, str]:
    """Return what changed, and why."""
    return {change.name: plan.why(change) for change in plan.changes}


def test_an_update_of_nothing_changes_nothing(project: Project) -> None:
    before = project.texts
    for request in (LockRequest(keep=True), LockRequest(update=("xarray",)), LockRequest(update=("python", "numpy"))):
        plan = project.write(request)
        assert plan.changes == ()
        assert plan.lock is plan.previous
    assert project.texts == before


def test_a_leaf_moves_alone(project: Project) -> None:
    project.environment.spec_path.write_text(OLD.replace("<2025.7", ""), encoding="utf-8")
    assert project.plan(LockRequest(keep=True)).changes == ()
    assert moves(project.plan(LockRequest(update=("xarray",)))) == {"xarray": "asked for"}


def test_an_update_stops_at_the_version_that_is_named(project: Project) -> None:
    project.environment.spec_path.write_text(OLD.replace("<2025.7", ""), encoding="utf-8")
    plan = project.write(LockRequest(update=("xarray=2025.7.0",)))
    assert moves(plan) == {"xarray": "asked for"}
    assert {package.version for package in plan.lock.packages if package.name == "xarray"} == {"2025.7.0"}
    for passed in ("xarray=2025.7.0", "xarray<2025.7", "xarray=2025.4"):
        assert project.plan(LockRequest(update=(passed,))).changes == ()


@pytest.mark.parametrize(("line", "written"), [("xarray=2025.7.1", "2025.7.1.*"), ("xarray>=2099", ">=2099")])
def test_an_update_that_cannot_be_had_is_said(project: Project, line: str, written: str) -> None:
    before = project.texts
    with pytest.raises(BadInput) as caught:
        project.write(LockRequest(update=(line,)))
    assert str(caught.value) in {
        f"{project.environment.spec_path}: there is no solution for {platform} with xarray {written}\n"
        "  fix: --update xarray brings it to the newest that can be had"
        for platform in ("linux-64", "osx-arm64")
    }
    assert project.texts == before


def test_an_update_is_a_name_or_a_name_and_a_version(project: Project) -> None:
    with pytest.raises(WrongUse) as caught:
        project.plan(LockRequest(update=("xarray[x]",)))
    assert str(caught.value) == "'xarray[x]' is no update\n  fix: write NAME, NAME=1.2 or 'NAME>=1.2,<2'"


def test_what_the_spec_no_longer_lets_be_moves(project: Project) -> None:
    project.environment.spec_path.write_text(OLD.replace("<2025.7", ">=2025.7"), encoding="utf-8")
    assert moves(project.plan(LockRequest(keep=True))) == {"xarray": "the spec asks for xarray >=2025.7"}


def test_removing_what_was_added_gives_spec_and_lock_back(project: Project) -> None:
    before = project.texts
    added = project.write(LockRequest(add=("dask-core",)))
    assert moves(added)["dask-core"] == "asked for"
    assert {change.kind for change in added.changes} == {"added"}
    assert project.environment.spec_path.read_text(encoding="utf-8") == OLD + "  - dask-core\n"
    removed = project.write(LockRequest(remove=("dask-core",)))
    assert {change.kind for change in removed.changes} == {"removed"}
    assert {why for name, why in moves(removed).items() if name != "dask-core"} == {"nothing needs it any more"}
    assert moves(removed)["dask-core"] == "asked for"
    assert project.texts == before


def test_adding_what_is_there_already_moves_nothing(project: Project) -> None:
    plan = project.write(LockRequest(add=("numpy",)))
    assert plan.changes == ()
    assert plan.lock != plan.previous
    before = project.texts
    assert project.write(LockRequest(add=("numpy",))).spec_text is None
    assert project.texts == before


def test_removing_what_is_needed_says_by_what(project: Project) -> None:
    project.write(LockRequest(add=("numpy",)))
    plan = project.write(LockRequest(remove=("numpy",)))
    assert plan.changes == ()
    ((name, parent),) = plan.staying
    assert name == "numpy"
    assert parent in {package.name for package in plan.lock.packages}


def test_a_line_that_cannot_be_met_leaves_both_files(project: Project) -> None:
    before = project.texts
    with pytest.raises(BadInput) as caught:
        project.write(LockRequest(add=("xarray=1.0",)))
    assert caught.value.where == str(project.environment.spec_path)
    assert caught.value.what.endswith("\n  | No candidates were found for xarray 1.0.*.")
    with pytest.raises(BadInput) as caught:
        project.write(LockRequest(add=("xarray >>> 1",)))
    assert "bindery-spec-" not in str(caught.value)
    assert project.texts == before


def test_a_lock_that_cannot_be_written_leaves_the_spec(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    before = project.texts
    plan = project.plan(LockRequest(add=("dask-core",)))

    def fail(*_: object) -> None:
        raise ToolFailed("the disk is full", "conda-lock.yml")

    monkeypatch.setattr("bindery.environments.relock.write_lock", fail)
    with pytest.raises(ToolFailed):
        write_plan(plan, project.environment)
    assert project.texts == before


def test_a_package_that_its_channel_no_longer_has_stays(project: Project) -> None:
    lock = read_lock(project.environment.lock_path)
    gone = next(package for package in lock.packages if package.name == "pandas" and package.platform == "linux-64")
    text = project.environment.lock_path.read_text(encoding="utf-8")
    mark = "ab" * 32
    project.environment.lock_path.write_text(text.replace(gone.sha256.hex, mark), encoding="utf-8")
    plan = project.plan(LockRequest(add=("dask-core",)))
    assert {change.kind for change in plan.changes} == {"added"}
    assert mark in {package.sha256.hex for package in plan.lock.packages}


def test_metadata_of_kept_packages_stays(project: Project) -> None:
    project.write(LockRequest(metadata=(("why", "a test"),)))
    plan = project.plan(LockRequest(add=("dask-core",), metadata=(("date", "today"),)))
    found = dict(plan.lock.custom_metadata)
    assert (found["why"], found["date"], found["mirrored_channels"]) == ("a test", "today", "conda-forge")
    assert project.plan().lock.custom_metadata != plan.lock.custom_metadata


def test_a_damaged_lock_cannot_be_kept(project: Project) -> None:
    project.environment.lock_path.write_text("version: 1\n", encoding="utf-8")
    assert project.plan().previous is None
    with pytest.raises(BadInput) as caught:
        project.plan(LockRequest(keep=True))
    assert caught.value.where == str(project.environment.lock_path)


def test_two_locks_cannot_be_kept(project: Project) -> None:
    with pytest.raises(WrongUse) as caught:
        project.plan(LockRequest(keep=True, locked_from=project.environment.lock_path))
    assert str(caught.value) == (
        "a package cannot be kept as two locks have it\n  fix: leave out --locked-from, or all the others"
    )


def test_an_environment_without_a_spec_cannot_be_edited(project: Project) -> None:
    project.environment.spec_path.unlink()
    with pytest.raises(BadInput) as caught:
        project.plan(LockRequest(add=("numpy",)))
    assert str(caught.value) == f"{project.environment.spec_path}: there is no such spec to edit"


def test_pip_packages_stay_too(project: Project) -> None:
    text = OLD.replace("linux-64, osx-arm64", "linux-64") + "  - pip\n  - pip:\n      - iniconfig==2.0.0\n"
    project.environment.spec_path.write_text(text, encoding="utf-8")
    project.write(LockRequest(keep=True))
    project.environment.spec_path.write_text(text.replace("==2.0.0", ""), encoding="utf-8")
    added = project.write(LockRequest(add=("dask-core",)))
    assert {change.kind for change in added.changes} == {"added"}
    assert {package.version for package in added.lock.packages if package.name == "iniconfig"} == {"2.0.0"}
    updated = project.plan(LockRequest(update=("iniconfig",)))
    assert [(change.name, change.manager, updated.why(change)) for change in updated.changes] == [
        ("iniconfig", "pip", "asked for")
    ]
    with pytest.raises(WrongUse) as caught:
        project.plan(LockRequest(update=("iniconfig=2.1",)))
    assert str(caught.value) == (
        "iniconfig is a package of pip, and only conda's are brought to a version\n"
        "  fix: --update iniconfig, or write the version into the pip: section of environment.yml, and --keep"
    )
