"""Other programs take the committed locks: conda-lock, rattler, and the models of conda's own conda-lockfiles."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from bindery.environments import find_environment, parse_lock, read_lock

if TYPE_CHECKING:
    from bindery.core import Settings, Store
    from bindery.environments import Lock

LOCKED = ("base", "pangeo", "ml")
CONDA_LOCKFILES = "0.2.2"


@pytest.fixture(scope="module")
def models(test_store: Store) -> Path:
    """Return a module with the models of conda-lockfiles, without conda, which is in no package index.

    The models are classes of pydantic, which stand in a module that imports conda for other ends.
    """

    def build(work: Path) -> None:
        uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps", "--target", str(work / "whole")]
        subprocess.run([*uv, f"conda-lockfiles=={CONDA_LOCKFILES}"], check=True)
        source = (work / "whole" / "conda_lockfiles" / "conda_lock" / "v1.py").read_text(encoding="utf-8")
        classes = [
            ast.get_source_segment(source, node)
            for node in ast.parse(source).body
            if isinstance(node, ast.ClassDef) and ast.unparse(node.bases[0]) == "BaseModel"
        ]
        head = "from typing import Annotated, Literal\n\nfrom pydantic import BaseModel, Field\n"
        (work / "models.py").write_text("\n\n".join([head, *filter(None, classes)]) + "\n", encoding="utf-8")

    return test_store.ensure("conda-lockfiles", CONDA_LOCKFILES, build) / "models.py"


def validate(models: Path, lock: Path) -> subprocess.CompletedProcess[str]:
    """Return what a process says that reads the lock with the models of conda-lockfiles."""
    script = """
import runpy, sys, yaml
model = runpy.run_path(sys.argv[1])["CondaLockV1"]
document = yaml.load(open(sys.argv[2], encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
lock = model.model_validate(document)
print(len(lock.package), ",".join(lock.metadata.platforms), lock.metadata.custom_metadata.created_by)
"""
    return subprocess.run(
        [sys.executable, "-c", script, str(models), str(lock)], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("name", LOCKED)
def test_conda_lockfiles_reads_the_committed_lock(name: str, models: Path, project_settings: Settings) -> None:
    path = find_environment(project_settings, name).lock_path
    lock = read_lock(path)
    read = validate(models, path)
    created_by = dict(lock.custom_metadata)["created_by"]
    assert read.stdout == f"{len(lock.packages)} {','.join(lock.platforms)} {created_by}\n", read.stderr[-500:]


def test_conda_lockfiles_refuses_pip_entries(models: Path, tmp_path: Path) -> None:
    """What the documentation says of it: such a lock is for conda-lock, micromamba and Bindery."""
    path = Path(__file__).with_name("data") / "bad-locks" / "short-sha256" / "input.yml"
    text = path.read_text(encoding="utf-8").replace("manager: conda", "manager: pip")
    text = text.replace("c3ed3ec7a2cc38053fd6234260b64286c2bd573e436156f39d14a7", "ab" * 32)
    assert parse_lock(text, "x").packages[0].manager == "pip"
    (tmp_path / "conda-lock.yml").write_text(text, encoding="utf-8")
    refused = validate(models, tmp_path / "conda-lock.yml")
    assert refused.returncode == 1
    assert "Input should be 'conda' or 'pypi'" in refused.stderr


@pytest.mark.parametrize("name", LOCKED)
def test_rattler_reads_the_committed_lock(name: str, project_settings: Settings) -> None:
    import rattler  # noqa: PLC0415 - half a second

    path = find_environment(project_settings, name).lock_path
    environment = rattler.LockFile.from_path(path).default_environment()
    assert environment is not None
    found = {
        (str(platform), package.name, package.location)
        for platform, packages in environment.packages_by_platform().items()
        for package in packages
    }
    assert found == {(package.platform, package.name, package.url) for package in read_lock(path).packages}


@pytest.mark.parametrize("name", ["base", "ml"])  # test_pangeo has pangeo
def test_conda_lock_reads_the_committed_lock(name: str, project_settings: Settings) -> None:
    from conda_lock.lockfile.v1.models import Lockfile  # noqa: PLC0415 - two seconds

    path = find_environment(project_settings, name).lock_path
    document = yaml.load(path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - safe: one of the two safe loaders
    del document["version"]
    theirs = Lockfile.model_validate(document)
    assert {(one.name, one.platform, one.url, one.hash.sha256) for one in theirs.package} == _packages(read_lock(path))
    assert theirs.metadata.content_hash == dict(read_lock(path).content_hash)


def _packages(lock: Lock) -> set[tuple[str, str, str, str | None]]:
    return {(one.name, one.platform, one.url, one.sha256.hex) for one in lock.packages}
