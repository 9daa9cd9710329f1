from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bindery.core import BadInput, CheckFailed, Digest
from bindery.environments import (
    Environment,
    Lock,
    LockedPackage,
    find_release,
    plan_rebuild,
    plan_release,
    read_spec,
    released_environment,
    render_explicit,
    write_lock,
    write_release,
)
from bindery.environments.content_hash import content_hashes

if TYPE_CHECKING:
    from pathlib import Path

DATE = dt.date(2026, 12, 1)
SPEC = "channels: [conda-forge]\nplatforms: [linux-64, osx-64]\ndependencies: [{}]\n"


def package(name: str, version: str, platform: str = "linux-64", build: str = "0") -> LockedPackage:
    url = f"https://conda.anaconda.org/conda-forge/{platform}/{name}-{version}-{build}.conda"
    return LockedPackage(
        name=name,
        version=version,
        manager="conda",
        platform=platform,
        url=url,
        md5=Digest("md5", "0" * 32),
        sha256=Digest("sha256", url.encode().hex()[-64:].rjust(64, "0")),
    )


def everywhere(name: str, version: str, build: str = "0") -> tuple[LockedPackage, ...]:
    return tuple(package(name, version, platform, build) for platform in ("linux-64", "osx-64"))


@pytest.fixture
def ocean(tmp_path: Path) -> Environment:
    """Return an environment that extends another one, each with its spec and its pins."""
    sea, ocean = (tmp_path / "environments" / name for name in ("sea", "ocean"))
    for folder, names in ((sea, "python, numpy"), (ocean, "xarray")):
        folder.mkdir(parents=True)
        (folder / "environment.yml").write_text(SPEC.format(names), encoding="utf-8")
        (folder / "virtual-packages.yml").write_text("subdirs:\n  linux-64:\n    packages:\n      __glibc: '2.35'\n")
        (folder / "wheels-3.12.txt").write_text(f"# {folder.name}\n", encoding="utf-8")
    return Environment(name="ocean", folder=ocean, extends=(Environment(name="sea", folder=sea),))


def lock_of(ocean: Environment, *packages: LockedPackage) -> Lock:
    lock = Lock(
        packages=packages,
        content_hash=tuple(content_hashes(read_spec(ocean)).items()),
        channels=(),
        platforms=("linux-64", "osx-64"),
        sources=("../sea/environment.yml", "environment.yml"),
        custom_metadata=(("created_by", "bindery 0"),),
    ).canonical()
    write_lock(lock, ocean.lock_path)
    return lock


def test_release_is_an_environment_of_its_own(ocean: Environment) -> None:
    lock = lock_of(ocean, *everywhere("python", "3.12.11"), *everywhere("numpy", "2.2.6"))
    write_release(ocean, plan_release(ocean, lock, version="2026.11.22", packages="conda-forge"))
    published = find_release(ocean, "2026.11.22")
    assert published.release.extends == ("sea",)
    assert sorted(name for name, _ in published.release.files) == [
        "changes.md",
        "conda-linux-64.lock",
        "conda-lock.yml",
        "conda-osx-64.lock",
        "environment.yml",
        "extends/sea/environment.yml",
        "extends/sea/virtual-packages.yml",
        "extends/sea/wheels-3.12.txt",
        "virtual-packages.yml",
        "wheels-3.12.txt",
    ]
    assert (published.folder / "conda-osx-64.lock").read_text(encoding="utf-8") == render_explicit(lock, "osx-64")
    spec = content_hashes(read_spec(ocean))
    for path in (*ocean.sources, *ocean.wheels_paths):
        path.write_text("nothing of what people do now is part of the release", encoding="utf-8")
    released = released_environment(published)
    assert content_hashes(read_spec(released)) == spec
    assert (released.title, released.published_by.folder) == ("ocean@2026.11.22", ocean.folder)
    assert [path.read_text(encoding="utf-8") for layer in released.layers for path in layer.wheels_paths] == [
        "# sea\n",
        "# ocean\n",
    ]


def test_changes_are_told_in_words(ocean: Environment) -> None:
    python = everywhere("python", "3.12.11")
    first = lock_of(ocean, *python, *everywhere("numpy", "2.2.6"), *everywhere("blas", "1"), package("x264", "1"))
    plan = plan_release(ocean, first, version="2026.11.22", packages="conda-forge")
    assert plan.changes == (
        "# Ocean 2026.11.22\n\n"
        "This is the first release. Packages: 4 on linux-64 and 3 on osx-64.\n\n"
        "## Asked for by name\n\n"
        "- numpy 2.2.6\n- python 3.12.11\n"
    )
    assert plan.previous is None
    write_release(ocean, plan)
    second = lock_of(
        ocean,
        *python,
        *everywhere("numpy", "2.3.0"),
        *everywhere("blas", "1", "1"),
        *everywhere("xarray", "2025.7.1"),
    )
    plan = plan_release(ocean, second, version="2026.11.23", packages="conda-forge")
    assert plan.changes == (
        "# Ocean 2026.11.23\n\n"
        "Since 2026.11.22: 1 package added, 1 removed, 1 upgraded and 1 rebuilt.\n\n"
        "## Asked for by name\n\n"
        "- numpy goes up from 2.2.6 to 2.3.0\n"
        "- xarray comes in, 2025.7.1\n\n"
        "## What these need\n\n"
        "- blas 1 is another build\n"
        "- x264 leaves, it was 1 (on linux-64)\n"
    )
    fewer = replace(first, platforms=("linux-64",)).restricted_to(["linux-64"])
    write_release(ocean, plan)
    (ocean.folder / "environment.yml").write_text(SPEC.replace(", osx-64", "").format("xarray"), encoding="utf-8")
    (ocean.extends[0].folder / "environment.yml").write_text(SPEC.replace(", osx-64", "").format("numpy"))
    lock = replace(fewer, content_hash=tuple(content_hashes(read_spec(ocean)).items()))
    write_lock(lock, ocean.lock_path)
    plan = plan_release(ocean, lock, version="2026.11.24", packages="conda-forge")
    assert plan.changes.splitlines()[2].endswith(" No longer for: osx-64.")


def test_rebuild_has_the_same_lock_and_a_number(ocean: Environment) -> None:
    lock = lock_of(ocean, *everywhere("python", "3.12.11"))
    first = write_release(ocean, plan_release(ocean, lock, version="2026.11.22", packages="conda-forge"))
    write_release(ocean, plan_rebuild(ocean, None, date=DATE))
    plan = plan_rebuild(ocean, "2026.11.22", date=DATE)
    assert (plan.release.version, plan.release.date, plan.release.locks) == ("2026.11.22-2", DATE, first.release.locks)
    assert plan.changes == (
        "# Ocean 2026.11.22-2\n\nThis is a rebuild of 2026.11.22 on a newer base: the same lock, the same packages.\n"
    )
    unchanged = {name for name, _ in first.release.files} - {"changes.md"}
    assert {name: plan.files[name] for name in unchanged} == {
        name: (first.folder / name).read_bytes() for name in unchanged
    }


def test_nothing_to_rebuild(ocean: Environment) -> None:
    with pytest.raises(BadInput) as caught:
        plan_rebuild(ocean, None, date=DATE)
    assert str(caught.value) == f"{ocean.releases_folder}: there is no release to rebuild"


def test_release_is_never_written_again(ocean: Environment) -> None:
    first = lock_of(ocean, *everywhere("python", "3.12.11"))
    plan = plan_release(ocean, first, version="2026.11.22", packages="conda-forge")
    write_release(ocean, plan)
    taken = (
        f"{ocean.releases_folder / '2026.11.22'}: is there already, and a release never changes\n"
        "  fix: name another date with --version, or rebuild it with --rebuild"
    )
    with pytest.raises(BadInput) as caught:
        write_release(ocean, plan)
    assert str(caught.value) == taken
    with pytest.raises(BadInput) as caught:
        plan_release(ocean, first, version="2026.11.22", packages="conda-forge")
    assert str(caught.value) == taken
    with pytest.raises(BadInput) as caught:
        plan_release(ocean, first, version="2026.11.23", packages="conda-forge")
    assert str(caught.value) == (
        f"{ocean.lock_path}: has the same packages as the last release, ocean@2026.11.22\n"
        "  fix: there is nothing to release; for a newer base take --rebuild"
    )
    second = lock_of(ocean, *everywhere("python", "3.12.12"))
    with pytest.raises(BadInput) as caught:
        plan_release(ocean, second, version="2026.11.21", packages="conda-forge")
    assert str(caught.value) == (
        f"{ocean.releases_folder}: 2026.11.21 is older than the last release, 2026.11.22\n  fix: take a later date"
    )


@pytest.mark.parametrize("version", ["2026.13.01", "1.0", "2026.11.22-0", "2026-11-22", "../2026.11.22"])
def test_version_is_a_date(version: str, ocean: Environment) -> None:
    with pytest.raises(BadInput) as caught:
        plan_release(ocean, lock_of(ocean), version=version, packages="conda-forge")
    assert str(caught.value) == (
        f"{ocean.releases_folder}: {version} is no version of a release\n"
        "  fix: write a date: 2026.11.22, or 2026.11.22-1"
    )


def test_number_of_a_rebuild_is_not_chosen(ocean: Environment) -> None:
    with pytest.raises(BadInput) as caught:
        plan_release(ocean, lock_of(ocean), version="2026.11.22-1", packages="conda-forge")
    assert str(caught.value) == (
        f"{ocean.releases_folder}: 2026.11.22-1 is a rebuild\n  fix: bindery release ocean@2026.11.22 --rebuild"
    )


def test_stale_lock_is_not_released(ocean: Environment) -> None:
    lock = lock_of(ocean, *everywhere("python", "3.12.11"))
    ocean.spec_path.write_text(SPEC.format("dask"), encoding="utf-8")
    with pytest.raises(CheckFailed) as caught:
        plan_release(ocean, lock, version="2026.11.22", packages="conda-forge")
    assert str(caught.value) == (
        f"{ocean.lock_path}: was solved for another spec than ../sea/environment.yml, environment.yml is now, "
        "on linux-64, osx-64\n  fix: bindery lock ocean --keep, or without --keep to have the newest of everything"
    )


def test_release_of_wheels_has_no_lists_for_other_programs(ocean: Environment) -> None:
    plan = plan_release(ocean, lock_of(ocean, *everywhere("python", "3.11.7")), version="2026.11.22", packages="wheels")
    assert plan.release.packages == "wheels"
    assert not [name for name in plan.files if name.endswith(".lock")]


def test_stopped_before_the_list_was_written(ocean: Environment) -> None:
    plan = plan_release(ocean, lock_of(ocean), version="2026.11.22", packages="conda-forge")
    published = write_release(ocean, plan)
    index = ocean.releases_folder / "releases.json"
    expected = index.read_bytes()
    index.unlink()
    write_release(ocean, plan)
    assert index.read_bytes() == expected
    index.unlink()
    (published.folder / "changes.md").write_text("other", encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        write_release(ocean, plan)
    assert str(caught.value) == (
        f"{published.folder}: is there, but releases.json does not name it\n"
        f"  fix: git restore {index}, or remove the folder"
    )
    assert sorted(path.name for path in ocean.releases_folder.iterdir()) == ["2026.11.22"]
