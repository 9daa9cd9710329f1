from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bindery.core import BadInput, NoProgress, Settings, read_settings
from bindery.environments import (
    DroppedPackage,
    ForkLines,
    Lock,
    Places,
    RebasePlan,
    check_environment,
    encode_lock,
    find_environment,
    find_release,
    plan_fork,
    plan_rebase,
    read_lock,
    write_fork,
    write_rebase,
)
from bindery.environments import rebase as rebase_module

if TYPE_CHECKING:
    from pathlib import Path

    from bindery.environments import Environment

OLD, NEW = "2025.07.17", "2025.08.14"
LINES = ForkLines(add=("xarray", "zarr>=3"), remove=("line_profiler",), pin=("tornado<6.5.2",))


def make(project: Settings, places: Places, lines: ForkLines, parent: str = f"sea@{OLD}") -> Environment:
    write_fork(project, plan_fork(project, parent, "mine", lines, places))
    return again(project)


def again(project: Settings) -> Environment:
    mine = find_environment(read_settings(project.root), "mine")
    assert check_environment(mine).findings == ()
    return mine


def rebase(project: Settings, places: Places, onto: str = f"sea@{NEW}") -> RebasePlan:
    settings = read_settings(project.root)
    plan = plan_rebase(settings, find_environment(settings, "mine"), onto, places)
    write_rebase(settings, plan)
    again(project)
    return plan


def released(project: Settings, version: str) -> Lock:
    return read_lock(find_release(find_environment(project, "sea"), version).folder / "conda-lock.yml")


def snapshot(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("lines", [ForkLines(), LINES], ids=["no lines", "lines"])
def test_rebase_onto_the_same_parent_changes_nothing(lines: ForkLines, project: Settings, places: Places) -> None:
    make(project, places, lines)
    before = snapshot(project.root)
    plan = rebase(project, Places(store=places.store, progress=NoProgress()), f"sea@{OLD}")
    assert (plan.moved, plan.dropped, plan.idle, plan.given_up) == ((), (), (), ())
    assert snapshot(project.root) == before


def test_fork_without_lines_becomes_its_new_parent(project: Settings, places: Places) -> None:
    make(project, places, ForkLines())
    plan = rebase(project, Places(store=places.store, progress=NoProgress()))
    texts = [encode_lock(lock).partition("\npackage:\n")[2] for lock in (plan.fork.lock, released(project, NEW))]
    assert texts[0] == texts[1]
    assert plan.dropped == (DroppedPackage(name="line_profiler", stays=False),)
    moved = {change.name: change.kind for change in plan.moved}
    assert (moved["ipykernel"], moved["line_profiler"], moved["zarr"]) == ("upgraded", "removed", "added")


def test_rebase_keeps_the_lines_and_is_a_fork_of_the_new_parent(project: Settings, places: Places) -> None:
    lines = ForkLines(add=("xarray",), pin=("ipykernel<6.30",))
    mine = make(project, places, lines)
    spec = mine.spec_path.read_bytes()
    plan = rebase(project, places)
    mine = again(project)
    assert (mine.fork_of, mine.spec_path.read_bytes()) == (f"sea@{NEW}", spec)
    assert {change.name: change.kind for change in plan.fork.departures} == {
        "ipykernel": "downgraded",
        **dict.fromkeys(("xarray", "pandas", "python-tzdata", "pytz"), "added"),
    }
    assert "ipykernel" not in {change.name for change in plan.moved}
    write_fork(project, plan_fork(project, f"sea@{NEW}", "fresh", lines, places))
    fresh = read_lock(project.environments_folder / "fresh" / "conda-lock.yml")
    assert read_lock(mine.lock_path).packages == fresh.packages


def test_rebase_there_and_back_is_the_identity(project: Settings, places: Places) -> None:
    mine = make(project, places, ForkLines(remove=("line_profiler",), pin=("ipykernel<6.30",)))
    before = read_lock(mine.lock_path)
    rebase(project, places)
    rebase(project, places, f"sea@{OLD}")
    assert read_lock(mine.lock_path) == before
    assert (project.root / "bindery.toml").read_text(encoding="utf-8").count("fork_of") == 1


def test_what_upstream_says_itself_is_told(project: Settings, places: Places) -> None:
    make(project, places, LINES)
    assert rebase(project, places).idle == ("zarr>=3", "without line_profiler")


def test_dropped_package_stays_where_a_line_needs_it(project: Settings, places: Places) -> None:
    make(project, places, ForkLines(pin=("line_profiler<5",)))
    plan = rebase(project, places)
    assert plan.dropped == ()  # the fork asks for it itself
    assert {package.version for package in plan.fork.lock.packages if package.name == "line_profiler"} == {"4.2.0"}


def test_fewest_lines_are_given_up(project: Settings, places: Places) -> None:
    # s3fs of July needs fsspec of July, and the parent asks for that of August.
    mine = make(project, places, ForkLines(add=("xarray", "s3fs<2025.6", "gcsfs<2025.6"), remove=("line_profiler",)))
    settings = read_settings(project.root)
    plan = plan_rebase(settings, mine, f"sea@{NEW}", places)
    assert plan.given_up == ("s3fs<2025.6", "gcsfs<2025.6")
    assert plan.conflict.startswith("cannot be solved for ")
    write_rebase(settings, plan)
    mine = again(project)
    assert [line for line in mine.spec_path.read_text(encoding="utf-8").splitlines() if line.startswith("  - ")] == [
        "  - conda-forge",
        "  - xarray # added",
    ]
    names = {package.name for package in read_lock(mine.lock_path).packages}
    assert "xarray" in names
    assert not names & {"s3fs", "gcsfs", "line_profiler"}


def test_last_line_is_given_up(project: Settings, places: Places) -> None:
    make(project, places, ForkLines(add=("s3fs<2025.6",)))
    plan = rebase(project, places)
    assert (plan.given_up, plan.fork.spec_text) == (("s3fs<2025.6",), None)
    mine = again(project)
    assert not mine.spec_path.exists()
    assert read_lock(mine.lock_path).packages == released(project, NEW).packages


def test_lines_that_are_edited_since_are_taken_up(project: Settings, places: Places) -> None:
    mine = make(project, places, ForkLines(add=("xarray",)))
    mine.spec_path.write_text(mine.spec_path.read_text(encoding="utf-8").replace("xarray", "xgcm"), encoding="utf-8")
    plan = rebase(project, places, f"sea@{OLD}")
    assert {"xgcm", "xarray"} <= {change.name for change in plan.fork.departures}


def test_only_forks_are_rebased(project: Settings, places: Places) -> None:
    sea = find_environment(project, "sea")
    with pytest.raises(BadInput) as caught:
        plan_rebase(project, sea, f"sea@{NEW}", places)
    assert str(caught.value) == f"{sea.folder}: is no fork\n  fix: bindery fork sea@{NEW} NAME makes one"


def test_fork_is_not_its_own_parent(project: Settings, places: Places) -> None:
    mine = make(project, places, ForkLines())
    with pytest.raises(BadInput) as caught:
        plan_rebase(read_settings(project.root), mine, "mine", places)
    assert str(caught.value) == f"{mine.folder}: mine is made from it\n  fix: name another parent"


def test_nothing_to_give_up_leaves_the_error(
    project: Settings, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = make(project, places, ForkLines(remove=("line_profiler",)))

    # The parent's own packages always fit together, so this cannot come from a channel.
    def fail(*_: object, **__: object) -> None:
        raise BadInput("cannot be solved for linux-64", "here")

    monkeypatch.setattr(rebase_module, "inherit", fail)
    with pytest.raises(BadInput) as caught:
        plan_rebase(read_settings(project.root), mine, f"sea@{NEW}", places)
    assert str(caught.value) == "here: cannot be solved for linux-64"


def test_other_faults_are_no_conflicts(project: Settings, places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = make(project, places, ForkLines(add=("xarray",)))
    faults = ["cannot be solved for linux-64", "a line cannot be understood"]

    def fail(*_: object, **__: object) -> None:
        raise BadInput(faults.pop(0), "here")

    monkeypatch.setattr(rebase_module, "inherit", fail)
    for remaining in (2, 1):
        faults[:] = faults[-remaining:] or faults
        with pytest.raises(BadInput) as caught:
            plan_rebase(read_settings(project.root), mine, f"sea@{NEW}", places)
        assert str(caught.value) == "here: a line cannot be understood"
        faults[:] = ["a line cannot be understood"]
