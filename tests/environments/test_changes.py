from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from bindery.core import digest_bytes
from bindery.environments import PackageChange, PackageList, compare_lists, compare_packages, list_lock, read_lock
from bindery.environments.package_lists import ListedPackage

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

PUBLISHED = [f"{date}/{name}" for date in ("2025.07.17", "2025.08.14") for name in ("base-notebook", "pangeo-notebook")]
MIRRORED = {"added": "removed", "removed": "added", "upgraded": "downgraded", "downgraded": "upgraded"}


def listed(*packages: tuple[str, str, str, str], of_wheels: bool = False) -> PackageList:
    """Return the list of (name, platform, version, build); equal packages have equal files."""
    found = tuple(
        ListedPackage(
            name=name,
            platform=platform,
            version=version,
            build=build,
            digest=digest_bytes(f"{name} {version} {build}".encode()),
        )
        for name, platform, version, build in packages
    )
    return PackageList(label="x", packages=found, of_wheels=of_wheels)


ROWS = st.tuples(
    st.sampled_from("abcd"),
    st.sampled_from(["linux-64", "osx-64"]),
    st.sampled_from(["1", "1.0", "1.1a", "1.1", "1.1.post1", "2dev", "2", "2.0_", "§"]),
    st.sampled_from(["h0", "h1"]),
)
LISTS = st.builds(
    lambda rows, direct: replace(listed(*rows), direct=direct),
    st.lists(ROWS, unique_by=lambda row: row[:2]),
    st.frozensets(st.sampled_from("abcd")),
)


def plain_difference(old: PackageList, new: PackageList) -> set[tuple[str, str]]:
    """Return name and platform of every package that is not in both lists with the same file."""
    mine, theirs = (
        {(one.name, one.platform, one.manager, one.version, one.digest) for one in side.packages} for side in (old, new)
    )
    return {row[:2] for row in mine ^ theirs}


def changed_places(changes: Iterable[PackageChange]) -> set[tuple[str, str]]:
    return {(one.name, platform) for one in changes for platform in one.platforms}


def test_every_kind_of_change_is_found() -> None:
    before = listed(
        ("gone", "linux-64", "1", "0"),
        ("moved", "linux-64", "1", "h1_0"),
        ("moved", "osx-64", "1", "h2_0"),
        ("again", "linux-64", "1", "0"),
        ("same", "linux-64", "1", "0"),
    )
    after = listed(
        ("new", "osx-64", "1", "0"),
        ("moved", "linux-64", "2", "h3_0"),
        ("moved", "osx-64", "2", "h4_0"),
        ("again", "linux-64", "1", "1"),
        ("same", "linux-64", "1", "0"),
    )
    found = [(change.name, change.kind, change.platforms) for change in compare_packages(before, after)]
    assert found == [
        ("again", "rebuilt", ("linux-64",)),
        ("gone", "removed", ("linux-64",)),
        ("moved", "upgraded", ("linux-64", "osx-64")),
        ("new", "added", ("osx-64",)),
    ]


def test_wheels_and_conda_are_compared_by_version_alone() -> None:
    lock = listed(("a", "linux-64", "2025.2", "h1_0"), ("a", "osx-64", "2025.2", "h2_0"), ("b", "linux-64", "1", "0"))
    wheels = listed(("a", "linux-64", "2025.02", ""), ("b", "linux-64", "2", ""), of_wheels=True)
    assert [(change.name, change.kind) for change in compare_packages(lock, wheels)] == [("b", "upgraded")]


def test_versions_that_nobody_can_order_are_changed() -> None:
    before, after = listed(("x", "linux-64", "1", "0")), listed(("x", "linux-64", "§", "0"))
    assert [change.kind for change in compare_packages(before, after)] == ["changed"]


def test_direct_dependencies_come_first() -> None:
    before = listed(("a", "linux-64", "1", "0"), ("z", "linux-64", "2", "0"))
    after = listed(("a", "linux-64", "2", "0"), ("z", "linux-64", "1", "0"))
    changes = compare_packages(replace(before, direct=frozenset({"z"})), after)
    assert [(one.name, one.kind, one.is_direct) for one in changes] == [
        ("z", "downgraded", True),
        ("a", "upgraded", False),
    ]


def test_what_pypi_cannot_have_is_not_listed() -> None:
    wheels = listed(("xarray", "linux-64", "1", ""), of_wheels=True)
    lock = listed(("libnetcdf", "linux-64", "4", "0"), ("xarray", "linux-64", "1", "0"), ("h2", "linux-64", "4", "0"))
    lock = replace(
        lock,
        packages=tuple(
            one if one.name == "libnetcdf" else replace(one, dependencies=(("python", ""),)) for one in lock.packages
        ),
    )
    found = compare_lists(wheels, lock)
    assert [(one.name, one.kind) for one in found.changes] == [("h2", "added")]
    assert found.not_on_pypi == ("libnetcdf",)
    assert compare_lists(lock, wheels).not_on_pypi == ("libnetcdf",)
    assert compare_lists(lock, lock).not_on_pypi == ()


def test_same_name_from_conda_and_from_pip_are_two_packages() -> None:
    conda = listed(("a", "linux-64", "1", "0"))
    pip = replace(conda, packages=tuple(replace(one, manager="pip") for one in conda.packages))
    assert [(one.kind, one.manager) for one in compare_packages(conda, pip)] == [("removed", "conda"), ("added", "pip")]


@given(old=LISTS, new=LISTS)
def test_changes_of_any_lists_mirror_each_other(old: PackageList, new: PackageList) -> None:
    there, back = compare_packages(old, new), compare_packages(new, old)
    assert {(one.name, one.kind, one.before, one.after, one.platforms, one.is_direct) for one in there} == {
        (one.name, MIRRORED.get(one.kind, one.kind), one.after, one.before, one.platforms, one.is_direct)
        for one in back
    }
    assert [one.name for one in there if not (one.before and one.after)] == [
        one.name for one in back if not (one.before and one.after)
    ]
    assert not compare_packages(old, old)


@given(old=LISTS, new=LISTS)
def test_changes_agree_with_a_comparison_of_sets(old: PackageList, new: PackageList) -> None:
    assert changed_places(compare_packages(old, new)) == plain_difference(old, new)


def test_published_locks_agree_with_a_comparison_of_sets(published: Path) -> None:
    lists = [list_lock(read_lock(published / name / "conda-lock.yml"), name) for name in PUBLISHED]
    for old, new in itertools.product(lists, lists):
        assert changed_places(compare_packages(old, new)) == plain_difference(old, new)


def test_changes_undo_each_other(published: Path) -> None:
    old, new = (
        list_lock(read_lock(published / release / "base-notebook" / "conda-lock.yml"), release)
        for release in ("2025.07.17", "2025.08.14")
    )
    there, back = compare_packages(old, new), compare_packages(new, old)
    assert len(there) > 50
    assert {(one.name, one.kind, one.before, one.after, one.platforms) for one in there} == {
        (one.name, MIRRORED.get(one.kind, one.kind), one.after, one.before, one.platforms) for one in back
    }
    assert not compare_packages(new, new)
