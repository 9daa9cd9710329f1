"""The engine through repo2docker's own command line, as BinderHub and everybody else call it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from repo2docker.app import Repo2Docker

from bindery.images import read_image, store_layout
from bindery.images.engine import OciEngine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.testbed.registry import Registry

    from bindery.core import Store

ROOT = Path(__file__).parents[3]
PINS = ROOT / "tests" / "environments" / "wheels" / "small"
CONFIG = ROOT / "binder" / "repo2docker_config.py"
BUILD = ("--no-clean", "--no-run", "--json-logs", "--user-name=jovyan", "--user-id=1000", "--engine", "oci")
LIMIT_S = 300


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository with pins of wheels, and a notebook."""
    folder = tmp_path / "repository"
    shutil.copytree(PINS, folder / "binder")
    (folder / "one.ipynb").write_text('{"cells": []}\n', encoding="utf-8")
    return folder


def run_repo2docker(
    words: Sequence[str], store: Store, base: str, folder: Path, **environ: str
) -> subprocess.CompletedProcess[str]:
    """Return how the unmodified command ended; its settings are those of the file that we ship, and these."""
    settings = [f"--OciEngine.base={base}", "--OciEngine.python=/usr/bin/python3"]
    return subprocess.run(
        [sys.executable, "-m", "repo2docker", "--config", str(CONFIG), *settings, *BUILD, *words],
        env={**os.environ, "BINDERY_STORE": str(store.root), **environ},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


def phases(done: subprocess.CompletedProcess[str]) -> list[tuple[str, str]]:
    """Return phase and message of each line of the log."""
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    return [(line.get("phase", ""), line["message"].strip()) for line in lines]


def test_a_folder_through_the_stock_command(
    repository: Path, test_store: Store, tiny_base: str, tmp_path: Path
) -> None:
    done = run_repo2docker(["--image-name", "stock/folder:1", str(repository)], test_store, tiny_base, tmp_path)
    assert done.returncode == 0, done.stderr
    image = read_image(store_layout(test_store), "stock/folder:1")
    assert phases(done)[-1] == ("building", f"stock/folder:1@{image.digest}")
    assert image.config.working_dir == "/home/jovyan"
    assert image.config.labels["repo2docker.repo"] == "local"


def test_a_changed_repository_is_another_image_of_the_same_name(
    repository: Path, test_store: Store, tiny_base: str, tmp_path: Path
) -> None:
    words = ["--image-name", "stock/changed:1", str(repository)]
    assert run_repo2docker(words, test_store, tiny_base, tmp_path).returncode == 0
    before = read_image(store_layout(test_store), "stock/changed:1")
    (repository / "one.ipynb").write_text('{"cells": [], "metadata": {}}\n', encoding="utf-8")
    assert run_repo2docker(words, test_store, tiny_base, tmp_path).returncode == 0
    after = read_image(store_layout(test_store), "stock/changed:1")
    assert after.manifest.layers[:-1] == before.manifest.layers[:-1]
    assert after.manifest.layers[-1] != before.manifest.layers[-1]


def refusal(repository: Path, *options: str, store: Store, base: str) -> str:
    """Return the last words of a build that is refused."""
    words = [*options, "--image-name", "stock/refused:1", str(repository)]
    done = run_repo2docker(words, store, base, repository)
    phase, message = phases(done)[-1]
    assert (done.returncode, phase) == (1, "failed")
    return message


def test_post_build_is_refused_with_what_works(repository: Path, test_store: Store, tiny_base: str) -> None:
    (repository / "binder" / "postBuild").write_text("true\n", encoding="utf-8")
    assert refusal(repository, store=test_store, base=tiny_base) == (
        f"{repository}: binder/postBuild has to run inside the image, and the engine oci runs nothing\n"
        "  fix: --engine docker"
    )


def test_an_appendix_is_refused_with_what_works(repository: Path, test_store: Store, tiny_base: str) -> None:
    assert refusal(repository, "--appendix", "RUN true", store=test_store, base=tiny_base) == (
        f"{repository}: the appendix is a piece of a Dockerfile, and the engine oci runs nothing\n"
        "  fix: --engine docker"
    )


def test_another_buildpack_s_repository_is_refused_with_what_works(
    test_store: Store, tiny_base: str, tmp_path: Path
) -> None:
    (tmp_path / "requirements.txt").write_text("numpy\n", encoding="utf-8")
    assert refusal(tmp_path, store=test_store, base=tiny_base) == (
        "this repository: is built by running a Dockerfile's steps, and the engine oci runs nothing\n"
        "  fix: --engine docker, or give it a conda-lock.yml: https://conda.github.io/conda-lock/"
    )


def test_running_is_refused_before_anything_is_made(
    repository: Path, test_store: Store, tiny_base: str, tmp_path: Path
) -> None:
    words = ["--run", "--image-name", "stock/run:1", str(repository)]
    done = run_repo2docker(words, test_store, tiny_base, tmp_path)
    assert done.returncode == 1
    assert phases(done)[-1] == (
        "failed",
        "stock/run:1: the engine oci makes images, and runs none\n  fix: --no-run, then: bindery load stock/run:1",
    )


def test_push_is_what_binderhub_asks_for(
    repository: Path, test_store: Store, tiny_base: str, tmp_path: Path, registry: Registry
) -> None:
    name = f"{registry.host}/binderhub/user-2drepository-1a2b3c:0123456"
    done = run_repo2docker(["--push", "--image-name", name, str(repository)], test_store, tiny_base, tmp_path)
    assert done.returncode == 0, done.stderr
    image = read_image(store_layout(test_store), name)
    assert phases(done)[-1] == ("building", f"Pushed {name}@{image.digest}")
    command = ["skopeo", "inspect", "--tls-verify=false", "--format", "{{.Digest}}", f"docker://{name}"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == str(image.digest)


def test_an_image_is_inspected_unless_it_is_the_one_to_be_built(
    repository: Path, test_store: Store, tiny_base: str, tmp_path: Path
) -> None:
    words = ["--image-name", "stock/inspected:1", str(repository)]
    assert run_repo2docker(words, test_store, tiny_base, tmp_path).returncode == 0
    application = Repo2Docker(output_image_spec="stock/other:1")
    engine = OciEngine(parent=application)
    engine.store = str(test_store.root)
    found = engine.inspect_image("stock/inspected:1")
    assert found is not None
    assert found.tags == ["stock/inspected:1"]
    assert found.config["WorkingDir"] == "/home/jovyan"
    assert "REPO_DIR=/home/jovyan" in found.config["Env"]
    assert engine.inspect_image("stock/nothing:1") is None
    application.output_image_spec = "stock/inspected:1"
    assert engine.inspect_image("stock/inspected:1") is None
