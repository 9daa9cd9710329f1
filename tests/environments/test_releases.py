from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bindery.core import BadInput, Digest, Settings
from bindery.environments import (
    Environment,
    Lock,
    LockedPackage,
    PublishedRelease,
    Withdrawal,
    check_environment,
    find_environment,
    find_release,
    list_releases,
    plan_rebuild,
    plan_release,
    read_lock,
    read_released_lock,
    release_of,
    withdraw_release,
    write_lock,
    write_release,
)
from bindery.environments.release_format import (
    ReleasedImage,
    ReleasedNotebook,
    ReleasedSif,
    encode_release,
    parse_index,
    parse_release,
)
from bindery.environments.releases import withdrawal_of

if TYPE_CHECKING:
    from pathlib import Path

DIGEST = Digest("sha256", "0" * 64)
NOTEBOOK = {
    "name": "weekly-mean",
    "verdict": "passed",
    "cells": 9,
    "differing": 0,
    "packages": "wheels",
    "platform": "linux-64",
    "python": "3.12.1",
}


@pytest.fixture
def ocean(tmp_path: Path) -> Environment:
    return Environment(name="ocean", folder=tmp_path / "ocean")


@pytest.fixture
def lock() -> Lock:
    package = LockedPackage(
        name="python",
        version="3.12.11",
        manager="conda",
        platform="linux-64",
        url="https://conda.anaconda.org/conda-forge/linux-64/python-3.12.11-0.conda",
        md5=Digest("md5", "0" * 32),
        sha256=DIGEST,
    )
    return Lock(packages=(package,), content_hash=(), channels=(), platforms=("linux-64",), sources=())


def publish(ocean: Environment, lock: Lock, version: str) -> PublishedRelease:
    write_lock(lock, ocean.lock_path)
    return write_release(ocean, plan_release(ocean, lock, version=version, packages="conda-forge"))


def other(lock: Lock, version: str) -> Lock:
    """Return the lock with another version of its package."""
    (package,) = lock.packages
    return replace(lock, packages=(replace(package, version=version, url=package.url.replace("3.12.11", version)),))


def test_released_lock_is_read_again(ocean: Environment, lock: Lock) -> None:
    publish(ocean, lock, "2026.11.22")
    found = find_release(ocean, "2026.11.22")
    assert read_released_lock(found) == lock
    assert found.release.date == dt.date(2026, 11, 22)
    (platform,) = found.release.locks
    assert (platform.digest, platform.packages, platform.python) == (lock.digest("linux-64"), 1, "3.12.11")
    assert release_of(ocean, lock, "linux-64") == "2026.11.22"


def test_releases_are_listed_by_age(ocean: Environment, lock: Lock) -> None:
    publish(ocean, lock, "2026.11.22")
    for _ in range(10):
        write_release(ocean, plan_rebuild(ocean, None, date=dt.date(2026, 12, 1)))
    publish(ocean, other(lock, "3.12.12"), "2026.12.24")
    versions = [published.entry.version for published in list_releases(ocean)]
    assert versions == ["2026.11.22", *(f"2026.11.22-{number}" for number in range(1, 11)), "2026.12.24"]
    assert release_of(ocean, lock, "linux-64") == "2026.11.22-10"


def test_committed_release_holds_the_committed_lock(project_settings: Settings) -> None:
    pangeo = find_environment(project_settings, "pangeo")
    published = find_release(pangeo, "2025.08.14")
    lock = read_lock(pangeo.lock_path)
    assert {one.platform: one.digest for one in published.release.locks} == {
        platform: lock.digest(platform) for platform in lock.platforms
    }
    assert encode_release(published.release) == (published.folder / "release.json").read_bytes()


def test_unknown_release_names_the_known(ocean: Environment, lock: Lock) -> None:
    publish(ocean, lock, "2026.11.22")
    with pytest.raises(BadInput) as caught:
        find_release(ocean, "2026.11.23")
    assert str(caught.value) == (
        f"{ocean.releases_folder}: there is no release 2026.11.23 of ocean\n  fix: known: 2026.11.22"
    )


@pytest.mark.parametrize("name", ["release.json", "conda-lock.yml", "conda-linux-64.lock", "changes.md"])
def test_changed_release_is_found(name: str, ocean: Environment, lock: Lock) -> None:
    publish(ocean, lock, "2026.11.22")
    path = ocean.releases_folder / "2026.11.22" / name
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(BadInput) as caught:
        list_releases(ocean)
    assert str(caught.value) == (
        f"{path}: the released file has changed\n  fix: git restore {ocean.releases_folder / '2026.11.22'}"
    )
    path.unlink()
    with pytest.raises(BadInput) as caught:
        list_releases(ocean)
    assert caught.value.what == "the released file is not there"
    (finding,) = check_environment(ocean).findings
    assert (finding.what, finding.where) == ("the released file is not there", str(path))


def test_added_file_is_found(ocean: Environment, lock: Lock) -> None:
    path = publish(ocean, lock, "2026.11.22").folder / "wheels-3.12.txt"
    path.touch()
    with pytest.raises(BadInput) as caught:
        find_release(ocean, "2026.11.22")
    assert str(caught.value) == f"{path}: the file was not released\n  fix: remove it: a release never changes"


def test_withdrawn_release_stays_readable_and_is_not_taken(ocean: Environment, lock: Lock) -> None:
    publish(ocean, lock, "2026.11.22")
    withdrawal = Withdrawal(date=dt.date(2026, 12, 1), reason="wrong base", instead="2026.11.22-1")
    write_release(ocean, plan_rebuild(ocean, None, date=dt.date(2026, 12, 1)))
    withdraw_release(ocean, "2026.11.22", withdrawal)
    assert find_release(ocean, "2026.11.22").entry.withdrawn == withdrawal
    assert release_of(ocean, lock, "linux-64") == "2026.11.22-1"
    assert withdrawal_of(ocean, lock, "linux-64") is None
    withdraw_release(ocean, "2026.11.22-1", replace(withdrawal, instead=None))
    assert release_of(ocean, lock, "linux-64") is None
    assert withdrawal_of(ocean, lock, "linux-64") == ("2026.11.22-1", replace(withdrawal, instead=None))


def test_only_a_good_release_replaces_a_withdrawn_one_and_only_once(ocean: Environment, lock: Lock) -> None:
    publish(ocean, lock, "2026.11.22")
    withdrawal = Withdrawal(date=dt.date(2026, 12, 1), reason="wrong base", instead="2026.11.22")
    with pytest.raises(BadInput) as caught:
        withdraw_release(ocean, "2026.11.22", withdrawal)
    assert str(caught.value) == (
        "ocean@2026.11.22: cannot be replaced by 2026.11.22, which it is\n"
        "  fix: name a release that people can use, or leave --instead out"
    )
    write_release(ocean, plan_rebuild(ocean, None, date=dt.date(2026, 12, 1)))
    withdraw_release(ocean, "2026.11.22", replace(withdrawal, instead=None))
    with pytest.raises(BadInput) as caught:
        withdraw_release(ocean, "2026.11.22-1", withdrawal)
    assert caught.value.what == "cannot be replaced by 2026.11.22, which is withdrawn"
    with pytest.raises(BadInput) as caught:
        withdraw_release(ocean, "2026.11.22", replace(withdrawal, instead="2026.11.22-1"))
    assert str(caught.value) == "ocean@2026.11.22: was withdrawn already, on 2026-12-01: wrong base"


def test_every_field_is_read_again(ocean: Environment, lock: Lock) -> None:
    full = replace(
        publish(ocean, lock, "2026.11.22").release,
        packages="wheels",
        extends=("sea",),
        images=(ReleasedImage(platform="linux-64", name="example.org/ocean", digest=DIGEST, base_digest=DIGEST),),
        sifs=(ReleasedSif(platform="linux-64", file_name="ocean.sif", digest=DIGEST, size_bytes=7),),
        notebooks=(
            ReleasedNotebook(
                name="weekly-mean",
                verdict="passed",
                cells=9,
                differing=0,
                packages="wheels",
                platform="linux-64",
                python="3.12.1",
            ),
        ),
    )
    assert parse_release(encode_release(full), "x") == full


@pytest.mark.parametrize(
    ("key", "value", "what"),
    [
        ("schema", 2, "schema is 2, and this Bindery reads schema 1"),
        ("schema", "1", "schema is text, not a whole number"),
        ("colour", "red", "the key 'colour' is not known"),
        ("packages", "apt", "packages is apt, neither conda-forge nor wheels"),
        ("date", "yesterday", "date is 'yesterday', which is no date"),
        ("files", {"a": "b"}, "files.a: b is not a digest"),
        ("images", [7], "images[0] is a number, not a mapping"),
        ("locks", [], "locks is a list, not a mapping"),
        ("files", {"../lock": str(DIGEST)}, "the path '../lock' leaves its folder"),
        (
            "notebooks",
            [NOTEBOOK | {"packages": "as installed"}],
            "notebooks[0] weekly-mean: packages is as installed, neither conda-forge nor wheels",
        ),
        ("notebooks", [NOTEBOOK | {"python": 3.12}], "notebooks[0] weekly-mean: python is a number, not text"),
    ],
)
def test_wrong_release_is_refused(key: str, value: object, what: str, ocean: Environment, lock: Lock) -> None:
    publish(ocean, lock, "2026.11.22")
    path = ocean.releases_folder / "2026.11.22" / "release.json"
    document = json.loads(path.read_bytes()) | {key: value}
    with pytest.raises(BadInput) as caught:
        parse_release(json.dumps(document).encode(), "release.json")
    assert str(caught.value) == f"release.json: {what}"


def test_list_of_another_environment_is_refused() -> None:
    text = b'{"schema": 1, "environment": "ice", "releases": []}'
    with pytest.raises(BadInput) as caught:
        parse_index(text, "releases.json", "ocean")
    assert str(caught.value) == "releases.json: environment is ice, expected ocean"
    with pytest.raises(BadInput) as caught:
        parse_index(b"{", "releases.json", "ocean")
    assert caught.value.what.startswith("is not JSON: ")
