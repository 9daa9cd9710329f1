"""Options of the command that change what is asked for, or that have nothing to do with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.prefixes.conftest import CHANNEL, locked, python_recipe, tool_recipe, write_package

from bindery.cli import main
from bindery.core import host_platform
from bindery.environments import Lock, LockedChannel, write_lock

if TYPE_CHECKING:
    from pathlib import Path


def build(*words: str) -> object:
    with pytest.raises(SystemExit) as ended:
        main(["build", *words])
    return ended.value.code


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["."], "TARGET"),
        (["--engine", "oci"], "--engine"),
        (["--dry-run"], "--dry-run"),
        (["--keep-base", "kept"], "--keep-base"),
        (["--subdir", "a", "--repo-dir", "/srv/repo"], "--repo-dir, --subdir"),
        (["--user-id", "1000", "--user-name", "jovyan"], "--user-id, --user-name"),
        (["--platform", "linux-64"], "--platform"),
    ],
)
def test_the_builder_image_is_of_nothing_else(words: list[str], named: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert build("--builder-image", *words) == 2
    assert capsys.readouterr().err == (
        f"error: --builder-image is of Bindery itself, and takes no {named}\n  fix: leave it out\n"
    )


def test_packages_of_an_image_are_fetched_from_a_mirror(
    tmp_path: Path, tiny_base: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BINDERY_STORE", str(tmp_path / "store"))
    folder, channel = tmp_path / "repository", tmp_path / "channel"
    recipes = (python_recipe(), tool_recipe())
    lock = Lock(
        packages=tuple(locked(recipe, write_package(recipe, channel)) for recipe in recipes),
        content_hash=((host_platform(), "0" * 64),),
        channels=(LockedChannel(url=CHANNEL),),
        platforms=(host_platform(),),
        sources=("environment.yml",),
    )
    folder.mkdir()
    write_lock(lock, folder / "conda-lock.yml")
    words = [str(folder), "--base", tiny_base, "--tag", "mirrored", "--channel-mirror"]
    assert build(*words, f"{CHANNEL}={channel}") == 0
    assert capsys.readouterr().out.startswith("mirrored:latest@sha256:")
    assert build(*words, f"other={channel}") == 2
    assert capsys.readouterr().err == (
        f"error: there is a mirror for other, which is no channel of the spec\n  fix: mirror {CHANNEL}\n"
    )
