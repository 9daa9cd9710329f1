"""This repository's own binder/: what Binder installs for its notebooks is environments/pangeo."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bindery.core import read_settings
from bindery.environments import find_environment
from bindery.environments.wheels import read_pins
from bindery.images.buildpack import list_repository, read_config_files

ROOT = Path(__file__).parents[3]


def dependencies(path: Path) -> list[str]:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    return [str(one) for one in document["dependencies"]]


def test_its_specification_is_that_of_the_environments() -> None:
    parts = [dependencies(ROOT / "environments" / name / "environment.yml") for name in ("base", "pangeo")]
    assert dependencies(ROOT / "binder" / "environment.yml") == [*parts[0], *parts[1]]


def test_its_lock_is_that_of_the_environment() -> None:
    assert (ROOT / "binder" / "conda-lock.yml").resolve() == (ROOT / "environments/pangeo/conda-lock.yml").resolve()


@pytest.mark.parametrize("minor", ["3.11", "3.12"])
def test_its_pins_are_those_of_the_environments(minor: str) -> None:
    pangeo = find_environment(read_settings(ROOT), "pangeo")
    assert read_pins(read_config_files(ROOT).environment(), minor) == read_pins(pangeo, minor)


def test_its_image_has_the_notebooks_and_not_the_tests() -> None:
    kept = list_repository(read_config_files(ROOT))
    assert "notebooks/weekly-mean.ipynb" in kept
    assert "environments/pangeo/conda-lock.yml" in kept
    assert [path for path in kept if path.startswith(("tests/", "bench/", ".git/"))] == []
