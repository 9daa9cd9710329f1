from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bindery.core import BadInput, read_settings
from bindery.environments import find_environment, list_environments

if TYPE_CHECKING:
    from pathlib import Path

    from bindery.core import Settings


def project(root: Path, configured: str, **files: str) -> Settings:
    (root / "bindery.toml").write_text(configured, encoding="utf-8")
    for name, file_name in files.items():
        folder = root / "environments" / name
        folder.mkdir(parents=True)
        (folder / file_name).touch()
    return read_settings(root)


def test_layers_come_once_and_from_below(tmp_path: Path) -> None:
    configured = "\n".join(
        f'[environments.{name}]\nextends = ["{lower}"]' for name, lower in (("left", "base"), ("right", "base"))
    )
    settings = project(
        tmp_path,
        configured + '\n[environments.top]\nextends = ["left", "right"]\n',
        base="environment.yml",
        left="environment.yml",
        right="environment.yml",
        top="environment.yml",
    )
    top = find_environment(settings, "top")
    assert [layer.name for layer in top.layers] == ["base", "left", "right", "top"]
    assert [path.parent.name for path in top.sources] == ["base", "left", "right", "top"]


def test_pins_of_wheels_make_an_environment(tmp_path: Path) -> None:
    settings = project(tmp_path, "", ocean="wheels-3.12.txt", other="notes.txt")
    (ocean,) = list_environments(settings)
    assert ocean.name == "ocean"
    assert [path.name for path in ocean.wheels_paths] == ["wheels-3.12.txt"]
    assert ocean.sources == ()


def test_project_has_its_environments(project_settings: Settings) -> None:
    assert [environment.name for environment in list_environments(project_settings)] == [
        "base",
        "hpc",
        "ml",
        "pangeo",
    ]
    assert [layer.name for layer in find_environment(project_settings, "hpc").layers] == ["base", "pangeo", "hpc"]


def test_unknown_environment_names_a_near_miss(tmp_path: Path) -> None:
    settings = project(tmp_path, "", ocean="environment.yml", ice="environment.yml")
    with pytest.raises(BadInput) as caught:
        find_environment(settings, "ocaen")
    assert str(caught.value) == (
        f"{tmp_path / 'environments'}: there is no environment ocaen\n  fix: did you mean ocean?"
    )
    with pytest.raises(BadInput) as caught:
        find_environment(settings, "desert")
    assert str(caught.value) == (
        f"{tmp_path / 'environments'}: there is no environment desert\n  fix: use one of ice, ocean"
    )


def test_project_without_environments_says_what_to_make(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        find_environment(project(tmp_path, ""), "ocean")
    assert str(caught.value) == (
        f"{tmp_path / 'environments'}: there is no environment ocean\n  fix: make environments/<name>/environment.yml"
    )


def test_extending_what_is_not_there_is_refused(tmp_path: Path) -> None:
    settings = project(tmp_path, '[environments.ocean]\nextends = ["sea"]\n', ocean="environment.yml")
    with pytest.raises(BadInput) as caught:
        find_environment(settings, "ocean")
    assert str(caught.value) == (
        f"{tmp_path / 'bindery.toml'}: environments.ocean.extends: there is no environment sea"
    )


def test_extending_in_a_circle_is_refused(tmp_path: Path) -> None:
    settings = project(
        tmp_path,
        '[environments.a]\nextends = ["b"]\n[environments.b]\nextends = ["a"]\n',
        a="environment.yml",
        b="environment.yml",
    )
    with pytest.raises(BadInput) as caught:
        find_environment(settings, "a")
    assert str(caught.value) == f"{tmp_path / 'bindery.toml'}: environments.a: extends itself: a -> b -> a"
