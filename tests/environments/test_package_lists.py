from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from bindery.core import BadInput, Settings, read_settings
from bindery.environments import PackageList, read_package_list

ROOT = Path(__file__).parents[2]
SPEC = "channels: [conda-forge]\nplatforms: [linux-64]\ndependencies: [conda-forge::Zarr>=3, {pip: [ocean==1]}]\n"


@pytest.fixture
def project(tmp_path: Path, published: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a repository of git in which the lock of ``ocean`` changed once."""
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    root = tmp_path / "repository" / "project"
    folder = root / "environments" / "ocean"
    folder.mkdir(parents=True)
    (root / "bindery.toml").touch()
    (folder / "environment.yml").write_text(SPEC, encoding="utf-8")
    shutil.copytree(ROOT / "environments" / "hpc", root / "environments" / "hpc")
    git(root.parent, "init", "--quiet")
    for release in ("2025.07.17", "2025.08.14"):
        lock = (published / release / "base-notebook" / "conda-lock.yml").read_text(encoding="utf-8")
        (folder / "conda-lock.yml").write_text(lock, encoding="utf-8")
        git(root.parent, "add", ".")
        git(root.parent, "commit", "--quiet", "--message", release)
    return root


def git(folder: Path, *arguments: str) -> None:
    settings = ["-c", "user.name=me", "-c", "user.email=me@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *settings, *arguments], cwd=folder, env=os.environ, check=True)


def read(target: str, root: Path) -> PackageList:
    return read_package_list(target, lambda: read_settings(root))


def test_targets_of_all_kinds_are_read(project_settings: Settings, tmp_path: Path) -> None:
    folder = project_settings.environments_folder / "pangeo"
    lock = read_package_list("pangeo", lambda: project_settings)
    assert {"xarray", "dask", "python"} <= lock.direct
    assert read_package_list("pangeo@2025.08.14", lambda: project_settings).packages == lock.packages
    assert read_package_list("pangeo@2025.08.14", lambda: project_settings).direct == lock.direct
    assert read(str(folder / "conda-lock.yml"), tmp_path).packages == lock.packages
    wheels = read(str(folder / "wheels-3.12.txt"), tmp_path)
    assert wheels.of_wheels
    assert {"matplotlib-base", "dask-core", "xarray"} <= {package.name for package in wheels.packages}


def test_revisions_are_read(project: Path) -> None:
    now = read("ocean", project)
    before = read("HEAD~1:ocean", project)
    assert before.packages != now.packages
    assert before.direct == now.direct == {"zarr", "ocean"}
    assert read("HEAD:ocean", project).packages == now.packages
    assert read("@^:project/environments/ocean/conda-lock.yml", project).packages == before.packages
    assert read("HEAD^:./environments/ocean/conda-lock.yml", project).packages == before.packages
    pins = read("HEAD:project/environments/hpc/wheels-3.12.txt", project)
    assert pins.of_wheels
    assert "papermill" in {package.name for package in pins.packages}


def test_lock_without_its_spec_has_what_nothing_needs_as_direct(published: Path, tmp_path: Path) -> None:
    shutil.copy(published / "2025.08.14" / "base-notebook" / "conda-lock.yml", tmp_path)
    direct = read(str(tmp_path / "conda-lock.yml"), tmp_path).direct
    assert direct == {"pangeo-notebook", "pip"}


@pytest.mark.parametrize(
    ("target", "error"),
    [
        ("./nowhere.yml", "./nowhere.yml: there is no such file"),
        (
            "--output=x:ocean",
            "--output=x:ocean: '--output=x' cannot be a git revision\n  fix: write it as in HEAD~3:pangeo",
        ),
        ("HEAD;ls:ocean", "HEAD;ls:ocean: 'HEAD;ls' cannot be a git revision\n  fix: write it as in HEAD~3:pangeo"),
        (":ocean", ":ocean: '' cannot be a git revision\n  fix: write it as in HEAD~3:pangeo"),
        ("HEAD:", "HEAD:: '' cannot be an environment or a file\n  fix: write it as in HEAD~3:pangeo"),
        (
            "HEAD:a\nb",
            "HEAD:a\nb: 'a\\nb' cannot be an environment or a file\n  fix: write it as in HEAD~3:pangeo",
        ),
        ("HEAD:lake", "HEAD:lake: there is no environments/lake/conda-lock.yml in this revision"),
        (
            "HEAD:ocean@2025.01.01",
            "HEAD:ocean@2025.01.01: there is no environments/ocean/releases/2025.01.01/conda-lock.yml in this revision",
        ),
        ("HEAD:../../secret.yml", "HEAD:../../secret.yml: there is no ../../secret.yml in this revision"),
    ],
)
def test_wrong_targets_are_refused(project: Path, target: str, error: str) -> None:
    with pytest.raises(BadInput) as caught:
        read(target, project)
    assert str(caught.value) == error


def test_unknown_revision_and_missing_repository_are_refused(project: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        read("v9:ocean", project)
    assert str(caught.value) == f"{project}: git finds no revision v9: Needed a single revision"
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "bindery.toml").touch()
    with pytest.raises(BadInput) as caught:
        read("HEAD:ocean", bare)
    assert str(caught.value).startswith(f"{bare}: git finds no revision HEAD: not a git repository")


def test_damaged_lock_of_a_revision_is_refused(project: Path) -> None:
    (project / "environments" / "ocean" / "conda-lock.yml").write_text("version: 7\n", encoding="utf-8")
    git(project, "commit", "--quiet", "--all", "--message", "worse")
    with pytest.raises(BadInput) as caught:
        read("HEAD:ocean", project)
    assert str(caught.value) == "HEAD:ocean: version is 7, and Bindery reads version 1"
