"""Offline bundles: written, resumed, verified, and installed where there is no network."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import pytest
from tests.prefixes.conftest import library_recipe, old_recipe

from bindery.core import BadInput, NoProgress, Store, digest_file, host_platform
from bindery.prefixes import realise_bundle, write_bundle
from bindery.prefixes.fetch import fetch_archives

if TYPE_CHECKING:
    from pathlib import Path

    from tests.prefixes.conftest import Realise

    from bindery.environments import Realised

REMAKE = "bindery channel --from-lock tiny -o FOLDER"


@pytest.fixture
def folder(tmp_path: Path, everything: Realised, store: Store) -> Path:
    """Return the folder of a bundle of one package of every kind."""
    made = write_bundle([everything], tmp_path / "bundle", store=store, progress=NoProgress())
    assert (made.label, made.platforms, made.packages) == ("Tiny 2026.11.22", (host_platform(),), 4)
    return made.folder


def test_bundle_has_the_true_bytes_and_is_a_channel(folder: Path, everything: Realised) -> None:
    for package in everything.installed:
        assert digest_file(folder / package.subdir / package.file_name) == package.sha256
    archives = [path for path in folder.rglob("*") if path.name.endswith((".conda", ".tar.bz2"))]
    assert len(archives) == 4
    native = json.loads((folder / host_platform() / "repodata.json").read_bytes())
    assert sorted(native["packages"]) == ["old-1.0-0.tar.bz2"]
    record = native["packages.conda"]["library-1.0-0.conda"]
    library = next(package for package in everything.installed if package.name == "library")
    assert library.md5 is not None
    assert (record["sha256"], record["md5"]) == (library.sha256.hex, library.md5.hex)
    assert record["size"] == (folder / host_platform() / "library-1.0-0.conda").stat().st_size
    assert sorted(json.loads((folder / "noarch" / "repodata.json").read_bytes())["packages.conda"]) == [
        "tool-1.0-0.conda"
    ]


def test_bundle_alone_is_enough(folder: Path, everything: Realised, channel: Path, tmp_path: Path) -> None:
    channel.rename(tmp_path / "gone")
    found = realise_bundle(folder, "tiny", host_platform())
    assert (found.digest, found.label, found.packages) == (everything.digest, "Tiny 2026.11.22", "conda-forge")
    paths = fetch_archives(found, Store(tmp_path / "other"), NoProgress())
    assert all(path.is_relative_to(folder) for path in paths.values())


def test_stopped_bundle_is_none_and_goes_on(
    folder: Path, everything: Realised, store: Store, channel: Path, tmp_path: Path
) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.conda")}
    missing = folder / host_platform() / "library-1.0-0.conda"
    missing.unlink()
    damaged = folder / "noarch" / "tool-1.0-0.conda"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    away = tmp_path / "away"
    channel.rename(away)
    with pytest.raises(BadInput):
        write_bundle([everything], folder, store=store, progress=NoProgress())
    with pytest.raises(BadInput) as caught:
        realise_bundle(folder, "tiny", host_platform())
    assert str(caught.value) == (
        f"{folder}: is no whole bundle: bundle.json is missing\n  fix: make it, to its end: bindery channel ..."
    )
    away.rename(channel)
    write_bundle([everything], folder, store=store, progress=NoProgress())
    assert realise_bundle(folder, "tiny", host_platform()).digest == everything.digest
    changed = {path for path in folder.rglob("*.conda") if before[path] != path.stat().st_mtime_ns}
    assert changed == {missing, damaged}


def test_two_bundles_are_the_same_bytes(folder: Path, everything: Realised, store: Store, tmp_path: Path) -> None:
    again = write_bundle([everything], tmp_path / "again", store=store, progress=NoProgress()).folder
    names = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    assert all((folder / name).read_bytes() == (again / name).read_bytes() for name in names)


def test_bundle_of_something_else_is_refused(folder: Path) -> None:
    with pytest.raises(BadInput) as caught:
        realise_bundle(folder, "ocean", host_platform())
    assert str(caught.value) == (
        f"{folder}: is a bundle of tiny, not of ocean\n  fix: bindery install tiny --offline --bundle {folder}"
    )
    with pytest.raises(BadInput) as caught:
        realise_bundle(folder, "tiny@2026.11.22", host_platform())
    assert str(caught.value) == (
        f"{folder}: is a bundle of tiny, not of tiny@2026.11.22\n"
        f"  fix: bindery install tiny --offline --bundle {folder}"
    )


def test_bundle_of_a_release_is_told(everything: Realised, store: Store, tmp_path: Path) -> None:
    released = dataclasses.replace(everything, release="2026.11.22")
    folder = write_bundle([released], tmp_path / "released", store=store, progress=NoProgress()).folder
    assert realise_bundle(folder, "tiny@2026.11.22", host_platform()).release == "2026.11.22"
    with pytest.raises(BadInput) as caught:
        realise_bundle(folder, "tiny@2020.01.01", host_platform())
    assert str(caught.value) == (
        f"{folder}: is a bundle of tiny@2026.11.22, not of tiny@2020.01.01\n"
        f"  fix: bindery install tiny@2026.11.22 --offline --bundle {folder}"
    )


def test_bundle_for_another_platform_is_refused(folder: Path) -> None:
    with pytest.raises(BadInput) as caught:
        realise_bundle(folder, "tiny", "osx-arm64")
    assert str(caught.value) == (
        f"{folder}: is a bundle for {host_platform()}, and this machine is osx-arm64\n"
        f"  fix: {REMAKE} --platform osx-arm64"
    )


def test_changed_lock_is_refused(folder: Path) -> None:
    path = folder / "conda-lock.yml"
    path.write_text(path.read_text().replace("tool-1.0-0", "tool-1.0-1"))
    with pytest.raises(BadInput) as caught:
        realise_bundle(folder, "tiny", host_platform())
    assert str(caught.value) == f"{path}: is not the lock that bundle.json names\n  fix: {REMAKE}"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("nonsense", "is not JSON: Expecting value: line 1 column 1 (char 0)"),
        ('{"schema": 2}', "is no description of a bundle of schema 1"),
        ('{"schema": 1}', "environment is missing, or not text"),
    ],
)
def test_damaged_description_is_refused(folder: Path, text: str, what: str) -> None:
    (folder / "bundle.json").write_text(text)
    with pytest.raises(BadInput) as caught:
        realise_bundle(folder, "tiny", host_platform())
    assert str(caught.value) == f"{folder / 'bundle.json'}: {what}"


def test_archives_of_one_name_and_other_bytes_are_refused(
    realise_packages: Realise, store: Store, tmp_path: Path
) -> None:
    realised = realise_packages(library_recipe(), old_recipe())
    first, second = realised.lock.packages
    wrong = dataclasses.replace(first, name="other", sha256=second.sha256)
    lock = dataclasses.replace(realised.lock, packages=(first, wrong))
    with pytest.raises(BadInput) as caught:
        write_bundle([dataclasses.replace(realised, lock=lock)], tmp_path / "b", store=store, progress=NoProgress())
    archive = tmp_path / "channel" / first.subdir / first.file_name
    assert str(caught.value) == (
        f"{archive}: sha256 is {first.sha256.hex}, expected {second.sha256.hex}\n"
        "  fix: nothing was installed; if the file was published anew, lock again"
    )
