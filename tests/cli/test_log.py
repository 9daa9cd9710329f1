from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING

import pytest

from bindery.cli.main import run
from bindery.core import Digest
from bindery.environments import (
    Environment,
    Lock,
    LockedChannel,
    LockedPackage,
    Withdrawal,
    withdraw_release,
    write_lock,
)
from bindery.environments.release_format import IndexEntry, Release, encode_release
from bindery.environments.releases import write_index

if TYPE_CHECKING:
    from pathlib import Path

from bindery.core import digest_bytes


def lock_of(**versions: str) -> Lock:
    packages = tuple(
        LockedPackage(
            name=name,
            version=version,
            manager="conda",
            platform=platform,
            url=f"https://conda.anaconda.org/conda-forge/noarch/{name}-{version}-0.conda",
            md5=Digest("md5", "0" * 32),
            sha256=digest_bytes(f"{name} {version}".encode()),
        )
        for name, version in versions.items()
        for platform in ("linux-64", "osx-64")
    )
    return Lock(
        packages=packages,
        content_hash=(("linux-64", "x"), ("osx-64", "y")),
        channels=(LockedChannel(url="conda-forge"),),
        platforms=("linux-64", "osx-64"),
        sources=("environment.yml",),
    )


def publish(environment: Environment, version: str, lock: Lock) -> IndexEntry:
    folder = environment.releases_folder / version
    write_lock(lock, folder / "conda-lock.yml")
    release = Release(
        environment=environment.name,
        version=version,
        date=dt.date.fromisoformat(version.replace(".", "-")),
        packages="conda-forge",
        created_by="a test",
        files=(("conda-lock.yml", digest_bytes((folder / "conda-lock.yml").read_bytes())),),
        locks=(),
    )
    (folder / "release.json").write_bytes(encode_release(release))
    return IndexEntry(version=version, digest=digest_bytes(encode_release(release)))


@pytest.fixture
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make three releases, and a lock that is not released."""
    (tmp_path / "bindery.toml").touch()
    ocean = Environment(name="ocean", folder=tmp_path / "environments" / "ocean")
    entries = [
        publish(ocean, "2025.01.01", lock_of(zarr="2.9", numpy="1.26")),
        publish(ocean, "2025.02.01", lock_of(zarr="2.9", numpy="2.0")),
        publish(ocean, "2025.03.01", lock_of(zarr="2.10", numpy="2.0")),
    ]
    write_index(ocean, tuple(entries))
    withdraw_release(ocean, "2025.03.01", Withdrawal(date=dt.date(2025, 3, 2), reason="it loses data"))
    write_lock(lock_of(numpy="2.0"), ocean.lock_path)
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("_project")
def test_releases_in_which_a_package_changed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["log", "zarr"]) == 0
    both = "linux-64, osx-64"
    assert capsys.readouterr().out == (
        f"ocean\tnot released\t-\tremoved\t2.10\t-\t{both}\n"
        f"ocean\t2025.03.01 (withdrawn: it loses data)\t2025-03-01\tupgraded\t2.9\t2.10\t{both}\n"
        f"ocean\t2025.01.01\t2025-01-01\tadded\t-\t2.9\t{both}\n"
    )
    assert run(["log", "numpy", "ocean", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["schema"], document["package"]) == (1, "numpy")
    assert [(one["release"], one["changes"][0]["kind"], one["withdrawn"]) for one in document["history"]] == [
        ("2025.02.01", "upgraded", None),
        ("2025.01.01", "added", None),
    ]


@pytest.mark.usefixtures("_project")
def test_unknown_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["log", "nunpy"]) == 3
    assert capsys.readouterr().err == (
        "error: ocean: no release and no lock has a package nunpy\n  fix: did you mean numpy?\n"
    )
    assert run(["log", "zarr", "lake"]) == 3
    assert "there is no environment lake" in capsys.readouterr().err
