"""repo2docker's documented rules for configuration files, one test each."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from bindery.core import BadInput
from bindery.images.buildpack import CondaLockBuildPack, read_config_files

if TYPE_CHECKING:
    from pathlib import Path

    from tests.images.build.conftest import MakeRepository

LOCK = {"conda-lock.yml": "version: 1\n"}


def detects(folder: Path, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Return what the buildpack says in that folder, where repo2docker calls it."""
    monkeypatch.chdir(folder)
    return CondaLockBuildPack(base_image="").detect()  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("place", ["", "binder/", ".binder/"])
def test_a_lock_is_found_where_repo2docker_looks(
    place: str, make_repository: MakeRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_repository({f"{place}conda-lock.yml": "version: 1\n"})
    assert detects(folder, monkeypatch)
    assert read_config_files(folder).environment().lock_path == folder / place / "conda-lock.yml"


def test_pins_of_wheels_are_enough(make_repository: MakeRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    assert detects(make_repository({"wheels-3.12.txt": ""}), monkeypatch)


def test_a_specification_without_a_lock_is_another_buildpack_s(
    make_repository: MakeRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not detects(make_repository({"environment.yml": "name: ocean\n"}), monkeypatch)


@pytest.mark.parametrize("place", ["binder", ".binder"])
def test_with_a_binder_folder_the_root_is_not_looked_at(
    place: str, make_repository: MakeRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_repository({**LOCK, "start": "", "postBuild": "", "apt.txt": "gcc\n", f"{place}/README": ""})
    assert not detects(folder, monkeypatch)
    files = read_config_files(folder)
    assert (files.start, files.post_build, files.apt_packages) == (None, None, ())


def test_both_binder_folders_are_refused(make_repository: MakeRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_repository({"binder/conda-lock.yml": "", ".binder/conda-lock.yml": ""})
    with pytest.raises(BadInput) as caught:
        detects(folder, monkeypatch)
    assert str(caught.value) == f"{folder}: there are both binder/ and .binder/, and only one of them can be right"


def test_a_dockerfile_comes_before_everything(make_repository: MakeRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not detects(make_repository({**LOCK, "Dockerfile": "FROM scratch\n"}), monkeypatch)


def test_a_dockerfile_beside_the_binder_folder_is_not_looked_at(
    make_repository: MakeRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_repository({"binder/conda-lock.yml": "", "Dockerfile": "FROM scratch\n"})
    assert detects(folder, monkeypatch)


def test_a_lock_comes_before_a_specification_and_requirements(
    make_repository: MakeRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = {"environment.yml": "name: ocean\n", "requirements.txt": "numpy\n", "setup.py": "", "Pipfile": ""}
    assert detects(make_repository({**LOCK, **others}), monkeypatch)


def test_start_and_post_build_are_paths_in_the_repository(make_repository: MakeRepository) -> None:
    files = read_config_files(make_repository({"binder/start": "", "binder/postBuild": ""}))
    assert (files.start, files.post_build) == ("binder/start", "binder/postBuild")


def test_apt_packages_come_without_comments_and_once(make_repository: MakeRepository) -> None:
    files = read_config_files(make_repository({"apt.txt": "# compilers\ngfortran # 90\n\ngcc g++\ngcc\n"}))
    assert files.apt_packages == ("g++", "gcc", "gfortran")


def test_apt_txt_holds_packages_and_no_commands(make_repository: MakeRepository) -> None:
    folder = make_repository({"apt.txt": "gcc;reboot\n"})
    with pytest.raises(BadInput) as caught:
        read_config_files(folder)
    assert str(caught.value) == (
        f"{folder}/apt.txt: 'gcc;reboot' is not the name of a Debian package\n  fix: write one name on each line"
    )


@pytest.mark.parametrize("name", [".dockerignore", ".containerignore"])
def test_patterns_of_what_is_left_out_come_without_comments(name: str, make_repository: MakeRepository) -> None:
    files = read_config_files(make_repository({f"binder/{name}": "# big\n*.nc\n\n!keep.nc\n"}))
    assert files.ignored == ("*.nc", "!keep.nc")


def test_the_environment_is_called_what_its_specification_says(make_repository: MakeRepository) -> None:
    folder = make_repository({**LOCK, "environment.yml": "name: ocean\ndependencies: [numpy]\n"})
    assert read_config_files(folder).environment().name == "ocean"


@pytest.mark.parametrize("text", ["dependencies: []\n", "name: 3\n", "name: a b\n", "- ocean\n"])
def test_without_a_name_the_folder_does_not_give_one(text: str, make_repository: MakeRepository) -> None:
    files = read_config_files(make_repository({**LOCK, "environment.yml": text}))
    assert files.environment().name == "repository"


def test_a_specification_that_is_not_yaml_is_named(make_repository: MakeRepository) -> None:
    folder = make_repository({**LOCK, "environment.yml": "name: [\n"})
    with pytest.raises(BadInput) as caught:
        read_config_files(folder).environment()
    assert caught.value.what.startswith("is not YAML: while parsing a flow node")
    assert caught.value.where == str(folder / "environment.yml")


def test_a_file_that_is_not_text_is_named(make_repository: MakeRepository) -> None:
    folder = make_repository({})
    (folder / "apt.txt").write_bytes(os.urandom(8) + b"\xff\xfe")
    with pytest.raises(BadInput) as caught:
        read_config_files(folder)
    assert str(caught.value) == f"{folder}/apt.txt: is not UTF-8 text"
