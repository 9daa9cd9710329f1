from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bindery.cli.main import run
from bindery.core import read_settings
from bindery.environments import find_environment, read_lock, render_environment, render_explicit, render_requirements
from bindery.images import encode_sbom

if TYPE_CHECKING:
    from collections.abc import Callable

    from bindery.environments import Lock


@pytest.mark.parametrize(
    ("words", "render"),
    [
        ([], render_explicit),
        (["--format", "environment"], render_environment),
        (["--format", "requirements"], render_requirements),
    ],
)
def test_lock_is_printed_as_other_programs_read_it(
    words: list[str],
    render: Callable[[Lock, str], str],
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> None:
    lock = read_lock(find_environment(read_settings(request.config.rootpath), "pangeo").lock_path)
    assert run(["export", "pangeo@2025.08.14", "--platform", "osx-arm64", *words]) == 0
    captured = capsys.readouterr()
    assert captured.out == render(lock, "osx-arm64")
    assert captured.err == ""


def test_platform_that_is_not_locked_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["export", "pangeo", "--platform", "win-64"]) == 3
    assert capsys.readouterr().err == (
        "error: conda-lock.yml: is not locked for win-64, only for linux-64, linux-aarch64, osx-64, osx-arm64\n"
    )


def test_a_lock_is_a_list_of_materials(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BINDERY_STORE", str(tmp_path))  # which knows no licences
        assert run(["export", "pangeo@2025.08.14", "--platform", "osx-arm64", "--format", "cyclonedx"]) == 0
    captured = capsys.readouterr()
    lock = read_lock(find_environment(read_settings(Path(__file__).parent), "pangeo").lock_path)
    assert captured.out == encode_sbom(lock, "osx-arm64", "pangeo", "2025.08.14").decode()
    assert captured.err == ""


def test_a_list_of_materials_has_no_categories(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["export", "pangeo", "--format", "cyclonedx", "--category", "dev"]) == 2
    assert capsys.readouterr().err == (
        "error: --category: a list of materials is of what is installed\n  fix: leave it out\n"
    )
