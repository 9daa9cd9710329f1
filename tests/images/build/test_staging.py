"""The repository of an environment's image: the project's notebooks, and what the environment says to repo2docker."""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bindery.core import read_settings
from bindery.environments import (
    Realised,
    Withdrawal,
    find_environment,
    find_installable,
    read_lock,
    withdraw_release,
)
from bindery.images.buildpack.making import withdrawal_text
from bindery.images.buildpack.sources import EnvironmentSource, parse_source
from bindery.images.buildpack.staging import staged

if TYPE_CHECKING:
    from bindery.environments import Environment

ROOT = Path(__file__).parents[3]
NOTEBOOKS = ("notebooks/a.ipynb", "notebooks/data/make.py")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project with an environment, notebooks, and what is left when somebody has run them."""
    folder = tmp_path / "project"
    for path, text in {
        "bindery.toml": "",
        "environments/ocean/environment.yml": "name: ocean\n",
        "environments/ocean/README.md": "",
        "environments/ocean/start": 'exec "$@"\n',
        "environments/ocean/apt.txt": "less\n",
        "notebooks/a.ipynb": "{}",
        "notebooks/data/make.py": "",
        "notebooks/.ipynb_checkpoints/a-checkpoint.ipynb": "{}",
        "notebooks/data/__pycache__/make.cpython-312.pyc": "",
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return folder


def files_of(source: EnvironmentSource) -> list[str]:
    with staged(source) as folder:
        found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert not folder.exists()
    return found


def ocean(project: Path) -> EnvironmentSource:
    source = parse_source("ocean", lambda: read_settings(project))
    assert isinstance(source, EnvironmentSource)
    return source


def test_notebooks_and_configuration_go_along(project: Path) -> None:
    assert files_of(ocean(project)) == ["binder/apt.txt", "binder/start", *NOTEBOOKS]
    assert ocean(project).default_name == "ocean:latest"


def test_what_git_ignores_does_not(project: Path) -> None:
    (project / "notebooks" / ".gitignore").write_text("*.nc\n", encoding="utf-8")
    (project / "notebooks" / "written.nc").write_text("", encoding="utf-8")
    (project / "notebooks" / "new.ipynb").write_text("{}", encoding="utf-8")
    subprocess.run(["git", "init", "-q", str(project)], check=True)
    found = [path for path in files_of(ocean(project)) if path.startswith("notebooks/")]
    assert found == ["notebooks/.gitignore", *sorted((*NOTEBOOKS, "notebooks/new.ipynb"))]


def test_a_project_without_notebooks_has_none(project: Path) -> None:
    shutil.rmtree(project / "notebooks")
    assert files_of(ocean(project)) == ["binder/apt.txt", "binder/start"]


def released(environment: Environment, release: str) -> Realised:
    """Return the release as it would be installed."""
    lock = read_lock(environment.lock_path)
    return Realised(
        environment=environment, lock=lock, packages="conda-forge", platform="linux-64", label="", release=release
    )


def test_a_withdrawn_release_says_why_and_what_to_take(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "environments" / "base", tmp_path / "environments" / "base")
    (tmp_path / "bindery.toml").write_text("", encoding="utf-8")
    settings = read_settings(tmp_path)
    before = find_installable(settings, "base@2025.07.17")
    assert withdrawal_text(released(before, "2025.07.17")) == ""
    withdrawal = Withdrawal(date=dt.date(2025, 9, 1), reason="wrong tides", instead="2025.08.14")
    withdraw_release(find_environment(settings, "base"), "2025.07.17", withdrawal)
    said = "base@2025.07.17 was withdrawn on 2025-09-01: wrong tides; take base@2025.08.14 instead"
    assert withdrawal_text(released(before, "2025.07.17")) == said
    # The environment as it is now, if its lock is that of the release, says the same.
    assert withdrawal_text(released(find_environment(settings, "base"), "2025.07.17")) == said
    assert withdrawal_text(released(find_environment(settings, "base"), "2025.08.14")) == ""
