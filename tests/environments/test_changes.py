from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bindery.core import BadInput, Settings, digest_bytes
from bindery.environments import PackageList, compare_packages, list_lock, read_lock, read_package_list
from bindery.environments.package_lists import ListedPackage

if TYPE_CHECKING:
    from pathlib import Path


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
        ("moved", "changed", ("linux-64", "osx-64")),
        ("new", "added", ("osx-64",)),
    ]


def test_wheels_and_conda_are_compared_by_version_alone() -> None:
    lock = listed(("a", "linux-64", "2025.2", "h1_0"), ("a", "osx-64", "2025.2", "h2_0"), ("b", "linux-64", "1", "0"))
    wheels = listed(("a", "linux-64", "2025.02", ""), ("b", "linux-64", "2", ""), of_wheels=True)
    assert [(change.name, change.kind) for change in compare_packages(lock, wheels)] == [("b", "changed")]


def test_versions_that_are_no_pep_440_are_compared_as_text() -> None:
    before, after = listed(("jpeg", "linux-64", "9e", "0")), listed(("jpeg", "linux-64", "9f", "0"))
    assert [change.kind for change in compare_packages(before, after)] == ["changed"]


def test_changes_undo_each_other(published: Path) -> None:
    old, new = (
        list_lock(read_lock(published / release / "base-notebook" / "conda-lock.yml"), release)
        for release in ("2025.07.17", "2025.08.14")
    )
    there, back = compare_packages(old, new), compare_packages(new, old)
    assert len(there) > 50
    assert {(one.name, one.before, one.after, one.platforms) for one in there} == {
        (one.name, one.after, one.before, one.platforms) for one in back
    }
    assert not compare_packages(new, new)


def test_targets_of_all_kinds_are_read(project_settings: Settings) -> None:
    folder = project_settings.environments_folder / "pangeo"
    lock = read_package_list("pangeo", project_settings)
    assert read_package_list("pangeo@2025.08.14", project_settings).packages == lock.packages
    assert read_package_list(str(folder / "conda-lock.yml"), project_settings).packages == lock.packages
    wheels = read_package_list(str(folder / "wheels-3.12.txt"), project_settings)
    assert wheels.of_wheels
    assert {"matplotlib-base", "dask-core", "xarray"} <= {package.name for package in wheels.packages}


def test_missing_file_is_refused(project_settings: Settings) -> None:
    with pytest.raises(BadInput) as caught:
        read_package_list("./nowhere.yml", project_settings)
    assert str(caught.value) == "./nowhere.yml: there is no such file"
