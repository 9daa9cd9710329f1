from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from bindery.core import BadInput, NoProgress, Settings, read_settings
from bindery.environments import (
    ForkLines,
    Lock,
    Places,
    Withdrawal,
    check_environment,
    encode_lock,
    find_environment,
    find_installable,
    find_release,
    list_environments,
    plan_fork,
    plan_release,
    read_lock,
    read_spec,
    withdraw_release,
    write_fork,
    write_lock,
    write_release,
)
from bindery.environments.content_hash import content_hashes
from bindery.environments.forks import identity

if TYPE_CHECKING:
    from bindery.environments import LockedPackage

OLD, NEW = "2025.07.17", "2025.08.14"


def packages_of(lock: Lock) -> dict[tuple[str, str, str], LockedPackage]:
    return {package.key: package for package in lock.packages}


def released(project: Settings, version: str) -> Lock:
    return read_lock(find_release(find_environment(project, "sea"), version).folder / "conda-lock.yml")


def make(project: Settings, places: Places, parent: str = f"sea@{OLD}", lines: ForkLines | None = None) -> Lock:
    """Make the fork ``mine``, and return its lock once it was read again and found to be current."""
    write_fork(project, plan_fork(project, parent, "mine", lines or ForkLines(), places))
    again = read_settings(project.root)
    assert check_environment(find_environment(again, "mine")).findings == ()
    return read_lock(find_environment(again, "mine").lock_path)


@pytest.mark.parametrize("version", [OLD, NEW])
def test_fork_without_lines_is_its_parent(version: str, project: Settings) -> None:
    # No store and no channel: there is nothing to solve.
    places = Places(store=None, progress=NoProgress())  # type: ignore[arg-type]
    lock, parent = make(project, places, f"sea@{version}"), released(project, version)
    assert {name: lock.digest(name) for name in lock.platforms} == {
        name: parent.digest(name) for name in parent.platforms
    }
    texts = [encode_lock(each).partition("\npackage:\n")[2] for each in (lock, parent)]
    assert texts[0] == texts[1]
    assert len(texts[0]) > 50_000
    mine = find_environment(read_settings(project.root), "mine")
    assert (mine.fork_of, mine.without, mine.sources) == (f"sea@{version}", (), mine.extends[0].sources)
    assert sorted(path.name for path in mine.folder.iterdir()) == ["conda-lock.yml"]
    assert dict(lock.custom_metadata)["fork_of"] == f"sea@{version} {identity(parent)}"


def test_fork_adds_only_what_its_lines_need(project: Settings, places: Places) -> None:
    lock, parent = make(project, places, lines=ForkLines(add=("xarray", "zarr>=3"))), released(project, OLD)
    before, after = packages_of(parent), packages_of(lock)
    assert {key: after[key] for key in before} == before
    added = {name for _, name, _ in after.keys() - before.keys()}
    assert added >= {"xarray", "zarr", "donfig", "numcodecs"}
    needed = {name for package in after.values() for name, _ in package.dependencies}
    assert added - needed <= {"xarray", "zarr"}
    mine = find_environment(read_settings(project.root), "mine")
    assert mine.spec_path.read_text(encoding="utf-8") == (
        "# What mine has beside its parent, which bindery.toml names. All else is the parent's.\n"
        "name: mine\n"
        "channels:\n"
        "  - conda-forge\n"
        "dependencies:\n"
        "  - xarray # added\n"
        "  - zarr>=3 # added\n"
    )
    assert (project.root / "bindery.toml").read_text(encoding="utf-8") == (
        f'# Our project.\n\n[test]\nenvironment = "sea"\n\n[environments.mine]\nfork_of = "sea@{OLD}"\n'
    )
    assert lock.sources == (f"../sea/releases/{OLD}/environment.yml", "environment.yml")


def test_fork_leaves_out_and_pins(project: Settings, places: Places) -> None:
    lines = ForkLines(remove=("line_profiler",), pin=("ipykernel>=6.30",))
    plan = plan_fork(project, f"sea@{OLD}", "mine", lines, places)
    departures = {change.name: (change.kind, plan.why(change)) for change in plan.departures}
    assert departures.pop("line_profiler") == ("removed", "nothing needs it any more")
    assert departures == {"ipykernel": ("upgraded", "the spec asks for ipykernel >=6.30")}
    lock, parent = make(project, places, lines=lines), released(project, OLD)
    before, after = packages_of(parent), packages_of(lock)
    assert {name for _, name, _ in before.keys() - after.keys()} == {"line_profiler"}
    assert {key[1] for key in after if before.get(key) != after[key]} == {"ipykernel"}
    asked = read_spec(find_environment(read_settings(project.root), "mine")).requirements_for("linux-64")
    assert [str(one) for one in asked] == ["python 3.12.*", "ipykernel >=6.30", "distributed"]


def test_what_was_not_released_is_known_by_its_digest(project: Settings, places: Places) -> None:
    assert plan_fork(project, "sea", "mine", ForkLines(), places).environment.fork_of == f"sea@{NEW}"
    sea = find_environment(project, "sea")
    lock = read_lock(sea.lock_path)
    withdraw_release(sea, NEW, Withdrawal(date=dt.date(2026, 1, 1), reason="wrong"))
    made = make(project, places, "sea")
    mine = find_environment(read_settings(project.root), "mine")
    assert mine.fork_of == f"sea@{identity(lock)}"
    assert mine.extends == (sea,)
    assert made.digest("linux-64") == lock.digest("linux-64")


def test_release_of_a_fork_is_whole(project: Settings, places: Places) -> None:
    lock = make(project, places, lines=ForkLines(add=("xarray",), remove=("line_profiler",)))
    mine = find_environment(read_settings(project.root), "mine")
    write_release(mine, plan_release(mine, lock, version="2026.11.22", packages="conda-forge"))
    release = find_release(mine, "2026.11.22").release
    assert (release.fork_of, release.extends, release.without) == (
        f"sea@{OLD}",
        ("sea",),
        (("mine", ("line_profiler",)),),
    )
    taken = find_installable(read_settings(project.root), "mine@2026.11.22")
    assert content_hashes(read_spec(taken)) == content_hashes(read_spec(mine))
    # A fork of the fork's release is the same again.
    plan = plan_fork(read_settings(project.root), "mine@2026.11.22", "ours", ForkLines(), places)
    assert plan.lock.packages == lock.packages
    assert plan.departures == ()


def test_folder_of_a_fork_that_was_not_finished_is_no_environment(project: Settings) -> None:
    (project.environments_folder / ".mine.0000.part").mkdir()
    (project.environments_folder / ".mine.0000.part" / "conda-lock.yml").touch()
    assert [one.name for one in list_environments(project)] == ["sea"]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            ForkLines(add=("line_profiler>1",)),
            f"sea@{OLD}: asks for line_profiler already\n  fix: to have another version of it: --pin 'line_profiler>1'",
        ),
        (ForkLines(pin=("xarray<1",)), f"sea@{OLD}: has no package xarray\n  fix: to have it: --add 'xarray<1'"),
        (
            ForkLines(remove=("tornado",)),
            f"sea@{OLD}: has tornado only as what others need: there is nothing to remove",
        ),
        (ForkLines(remove=("xarray",)), f"sea@{OLD}: has xarray not at all: there is nothing to remove"),
        (
            ForkLines(remove=("line_profiler",), pin=("line_profiler<8",)),
            "line_profiler is named twice\n  fix: say one thing about it",
        ),
        (
            ForkLines(add=("=1",)),
            "'=1' is no line of a spec\n  fix: write NAME, NAME=1.2 or 'NAME>=1.2,<2'",
        ),
        (
            ForkLines(pin=("tornado<1",)),
            (
                "{mine}/environment.yml: cannot be solved for osx-arm64\n"
                "  | No candidates were found for tornado <1.\n"
                "  fix: relax one of the versions named above"
            ),
        ),
        (
            ForkLines(pin=("tornado <<1",)),
            (
                "{mine}/../sea/releases/2025.07.17/environment.yml, {mine}/environment.yml: conda-lock cannot read it: "
                "Failed to turn `tornado <<1` into a MatchSpec (Invalid spec 'tornado <<1': Invalid version '<<1': "
                "invalid operator)"
            ),
        ),
    ],
)
def test_lines_that_do_not_fit(lines: ForkLines, message: str, project: Settings, places: Places) -> None:
    with pytest.raises(BadInput) as caught:
        plan_fork(project, f"sea@{OLD}", "mine", lines, places)
    expected = message.format(mine=project.environments_folder / "mine")
    # Either platform may be the first to have no solution.
    assert str(caught.value).replace("linux-64", "osx-arm64") == expected.replace("mine/../", "")
    assert not (project.environments_folder / "mine").exists()


def test_name_must_be_free_and_a_name(project: Settings, places: Places) -> None:
    with pytest.raises(BadInput) as caught:
        plan_fork(project, "sea", "sea", ForkLines(), places)
    assert str(caught.value) == (
        f"{project.environments_folder / 'sea'}: is there already\n  fix: choose another name, or use bindery rebase"
    )
    with pytest.raises(BadInput) as caught:
        plan_fork(project, "sea", "../sea", ForkLines(), places)
    assert str(caught.value) == ("'../sea' is no name of an environment\n  fix: use small letters, digits and . _ -")


def test_parent_needs_a_lock(project: Settings, places: Places) -> None:
    find_environment(project, "sea").lock_path.unlink()
    with pytest.raises(BadInput) as caught:
        plan_fork(project, "sea", "mine", ForkLines(), places)
    assert str(caught.value) == "sea: has no lock to inherit packages from\n  fix: bindery lock sea"


def test_fork_extends_nothing_else(project: Settings) -> None:
    write_lock(released(project, OLD), project.environments_folder / "mine" / "conda-lock.yml")
    path = project.root / "bindery.toml"
    path.write_text(f'[environments.mine]\nextends = ["sea"]\nfork_of = "sea@{OLD}"\n', encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        find_environment(read_settings(project.root), "mine")
    assert str(caught.value) == f"{path}: environments.mine: fork_of and extends exclude each other"
