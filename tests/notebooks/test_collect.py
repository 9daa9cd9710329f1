from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bindery.core import BadInput, Settings, read_settings
from bindery.notebooks import Notebook, UnreadableNotebook, collect_notebooks

if TYPE_CHECKING:
    from pathlib import Path

EMPTY = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bindery.toml").write_text("")
    (tmp_path / "notebooks").mkdir()
    for name in ("gmet-ensemble", "ndvi-series", "weekly-mean"):
        (tmp_path / "notebooks" / f"{name}.ipynb").write_text(json.dumps(EMPTY))
    return read_settings(tmp_path)


def names(settings: Settings, *wanted: str) -> list[str]:
    return [one.name for one in collect_notebooks(settings, wanted)]


def test_all_are_collected_sorted_if_none_is_named(settings: Settings) -> None:
    assert names(settings) == ["gmet-ensemble", "ndvi-series", "weekly-mean"]


def test_names_file_names_and_paths_are_found_in_the_order_asked(settings: Settings) -> None:
    path = settings.notebooks_folder / "ndvi-series.ipynb"
    assert names(settings, "weekly-mean", "gmet-ensemble.ipynb", str(path)) == [
        "weekly-mean",
        "gmet-ensemble",
        "ndvi-series",
    ]


def test_a_notebook_named_twice_is_collected_once(settings: Settings) -> None:
    assert names(settings, "weekly-mean", "notebooks/../notebooks/weekly-mean.ipynb") == ["weekly-mean"]


def test_a_notebook_elsewhere_is_found_by_its_path(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "other.ipynb").write_text(json.dumps(EMPTY))
    assert names(settings, str(tmp_path / "other.ipynb")) == ["other"]


def test_an_unknown_notebook_is_refused_with_near_misses(settings: Settings) -> None:
    with pytest.raises(BadInput) as caught:
        collect_notebooks(settings, ["weekly-means"])
    assert str(caught.value) == (
        f"{settings.notebooks_folder}: there is no notebook 'weekly-means'\n  fix: did you mean weekly-mean?"
    )


def test_an_unknown_notebook_unlike_any_is_refused_with_all(settings: Settings) -> None:
    with pytest.raises(BadInput) as caught:
        collect_notebooks(settings, ["zzz"])
    assert str(caught.value) == (
        f"{settings.notebooks_folder}: there is no notebook 'zzz'\n  fix: have gmet-ensemble, ndvi-series, weekly-mean"
    )


def test_two_notebooks_of_one_name_are_refused(settings: Settings, tmp_path: Path) -> None:
    other = tmp_path / "weekly-mean.ipynb"
    other.write_text(json.dumps(EMPTY))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    third = elsewhere / "weekly-mean.ipynb"
    third.write_text(json.dumps(EMPTY))
    with pytest.raises(BadInput) as caught:
        collect_notebooks(settings, [str(other), str(third)])
    assert (
        str(caught.value) == f"{other} and {third}: two notebooks are called weekly-mean\n  fix: test them one by one"
    )


def test_a_project_without_notebooks_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bindery.toml").write_text("")
    with pytest.raises(BadInput) as caught:
        collect_notebooks(read_settings(tmp_path), [])
    assert str(caught.value) == (
        f"{tmp_path / 'notebooks'}: there are no notebooks\n  fix: put some there, as <name>.ipynb"
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        (b"\xff", "is not UTF-8"),
        (b"[" * 200_000, "is not a notebook: it is nested too deeply"),
        (b"[]", "is not a notebook of format 4: it is no object"),
        (b'{"nbformat": 3}', "is not a notebook of format 4: nbformat is 3"),
        (
            b'{"cells": [], "nbformat": 4, "nbformat_minor": 5}',
            "is not a notebook of format 4: 'metadata' is a required property",
        ),
    ],
)
def test_a_file_that_is_no_notebook_is_collected_with_the_reason(
    settings: Settings, content: bytes, message: str
) -> None:
    path = settings.notebooks_folder / "broken.ipynb"
    path.write_bytes(content)
    (found,) = collect_notebooks(settings, ["broken"])
    assert found == UnreadableNotebook(name="broken", path=path, message=message)


def test_a_file_that_cannot_be_read_is_collected_with_the_reason(settings: Settings) -> None:
    path = settings.notebooks_folder / "gone.ipynb"
    path.symlink_to("nowhere")
    found = next(one for one in collect_notebooks(settings, []) if one.name == "gone")
    assert found == UnreadableNotebook(name="gone", path=path, message="cannot be read: No such file or directory")


def test_a_notebook_of_an_older_jupyter_needs_no_ids(settings: Settings) -> None:
    cell = {"cell_type": "code", "metadata": {}, "source": ["1"], "outputs": [], "execution_count": None}
    for minor in (2, 5):
        document = {**EMPTY, "cells": [cell], "nbformat_minor": minor}
        (settings.notebooks_folder / "old.ipynb").write_text(json.dumps(document))
        (found,) = collect_notebooks(settings, ["old"])
        assert isinstance(found, Notebook)
        assert found.document == document
        assert found.code_cells == 1
