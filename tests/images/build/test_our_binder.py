"""This repository's own binder/: what Binder installs for its notebooks is environments/pangeo."""

from __future__ import annotations

from pathlib import Path

import yaml

from bindery.images.buildpack import list_repository, read_config_files

ROOT = Path(__file__).parents[3]


def dependencies(path: Path) -> list[str]:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    return [str(one) for one in document["dependencies"]]


def test_its_specification_is_that_of_the_environments() -> None:
    parts = [dependencies(ROOT / "environments" / name / "environment.yml") for name in ("base", "pangeo")]
    assert dependencies(ROOT / "binder" / "environment.yml") == [*parts[0], *parts[1]]


def test_its_lock_and_pins_are_those_of_the_environment() -> None:
    pangeo = ROOT / "environments" / "pangeo"
    names = {path.name for path in (ROOT / "binder").iterdir() if path.is_symlink()}
    assert names == {"conda-lock.yml", *(path.name for path in pangeo.glob("wheels-*.txt"))}
    assert all((ROOT / "binder" / name).resolve() == (pangeo / name).resolve() for name in names)


def test_its_image_has_the_notebooks_and_not_the_tests() -> None:
    kept = list_repository(read_config_files(ROOT))
    assert "notebooks/weekly-mean.ipynb" in kept
    assert "environments/pangeo/conda-lock.yml" in kept
    assert [path for path in kept if path.startswith(("tests/", "bench/", ".git/"))] == []
