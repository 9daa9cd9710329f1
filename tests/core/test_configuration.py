from __future__ import annotations

import tomllib
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from bindery.core import (
    BadInput,
    EnvironmentSettings,
    NotebookSettings,
    TestSettings,
    configuration,
    find_root,
    read_settings,
)


def write(folder: Path, text: str) -> Path:
    (folder / "bindery.toml").write_text(text, encoding="utf-8")
    return folder


def test_an_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    settings = read_settings(write(tmp_path, ""))
    assert settings.root == tmp_path
    assert settings.environments_folder == tmp_path / "environments"
    assert settings.notebooks_folder == tmp_path / "notebooks"
    assert (settings.environments, settings.notebooks, settings.test) == ({}, {}, TestSettings())


def test_every_key_is_read(tmp_path: Path) -> None:
    text = """
        [environments.hpc]
        extends = ["pangeo"]
        [notebooks.slow]
        environment = "hpc"
        timeout_s = 1200
        [test]
        environment = "ocean"
        workers = 3
        threads_per_worker = 2
        memory_per_worker = "1GiB"
        timeout_s = 0.5
    """
    settings = read_settings(write(tmp_path, text))
    assert settings.environments == {"hpc": EnvironmentSettings(extends=("pangeo",))}
    assert settings.notebooks == {"slow": NotebookSettings(environment="hpc", timeout_s=1200.0)}
    assert settings.test == TestSettings(
        environment="ocean", workers=3, threads_per_worker=2, memory_per_worker="1GiB", timeout_s=0.5
    )


def test_the_file_is_found_upwards(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    write(tmp_path, "")
    assert find_root(tmp_path / "a" / "b") == tmp_path
    write(tmp_path / "a", "[test]\nworkers = 5\n")
    assert read_settings(tmp_path / "a" / "b").test.workers == 5


def test_a_relative_start_is_taken_from_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").mkdir()
    write(tmp_path, "")
    monkeypatch.chdir(tmp_path / "a")

    assert read_settings(Path()).root == tmp_path


def test_no_file_anywhere_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        find_root(tmp_path)
    assert (
        str(caught.value) == f"{tmp_path}: there is no bindery.toml here or above\n  fix: go to your project's folder"
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x = ", "is not TOML: Invalid value (at end of document)"),
        ("tests = 1", "there is no key tests\n  fix: use one of environments, notebooks, test"),
        (
            "[test]\nwrokers = 1",
            (
                "there is no key test.wrokers\n  fix: use one of "
                "environment, workers, threads_per_worker, memory_per_worker, timeout_s"
            ),
        ),
        (
            "[environments.a]\nextend = []",
            "there is no key environments.a.extend\n  fix: use one of extends, fork_of, without",
        ),
        ("[notebooks.a]\nworkers = 1", "there is no key notebooks.a.workers\n  fix: use one of environment, timeout_s"),
        ("test = 3", "test must be a table"),
        ("environments = 3", "environments must be a table"),
        ("[notebooks]\na = 3", "notebooks.a must be a table"),
        ("[environments.a]\nextends = 'b'", "environments.a.extends must be an array"),
        ("[environments.a]\nextends = [1]", "environments.a.extends.0 must be text in quotes"),
        ("[test]\nworkers = 0", "test.workers must be 1 or more"),
        ("[test]\nworkers = '2'", "test.workers must be a whole number"),
        ("[test]\nworkers = 1.5", "test.workers must be a whole number"),
        ("[test]\nworkers = true", "test.workers must be a whole number"),
        ("[test]\nmemory_per_worker = 2", "test.memory_per_worker must be text in quotes"),
        ("[test]\ntimeout_s = 0", "test.timeout_s must be more than 0"),
        ("[test]\ntimeout_s = inf", "test.timeout_s must be a finite number"),
        ("[notebooks.a]\ntimeout_s = '9'", "notebooks.a.timeout_s must be a number"),
    ],
)
def test_a_wrong_key_or_value_is_named(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(BadInput) as caught:
        read_settings(write(tmp_path, text))
    assert str(caught.value) == f"{tmp_path}/bindery.toml: {told}"


def test_a_file_that_is_not_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "bindery.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(BadInput, match=r"/bindery\.toml: is not TOML: 'utf-8' codec can't decode byte 0xff"):
        read_settings(tmp_path)


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 3),
    st.sampled_from([0.0, 0.5, -1.0, float("inf"), float("nan")]),
    st.text(max_size=2),
    st.lists(st.one_of(st.text(max_size=2), st.integers()), max_size=2),
)
KEYS = [one.name for kind in (TestSettings, EnvironmentSettings) for one in fields(kind)]
INNER = st.dictionaries(st.sampled_from([*KEYS, "other"]), VALUES, max_size=3)
TABLES = st.dictionaries(
    st.sampled_from(["test", "environments", "notebooks", "other"]),
    st.one_of(VALUES, INNER, st.dictionaries(st.text(max_size=2), INNER, max_size=2)),
    max_size=3,
)


@given(table=TABLES)
def test_plain_documents_are_those_that_pydantic_reads(table: dict[str, object]) -> None:
    plain = configuration._validate_plainly(table)
    if plain is not None:
        assert plain == TypeAdapter(configuration._Document).validate_python(table)


def test_this_repository_needs_no_pydantic() -> None:
    table = tomllib.loads((Path(__file__).parents[2] / "bindery.toml").read_text(encoding="utf-8"))
    assert configuration._validate_plainly({key: table[key] for key in ("test",)}) is not None
