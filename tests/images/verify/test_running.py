"""A real container whose server has run: what it wrote at home is its own, what it changed of the image is found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.conftest import find_python
from tests.testbed.jupyter import Jupyter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.testbed.engine import Engine

    from bindery.core import Store

pytestmark = pytest.mark.testbed

TOKEN = "of-a-verified-container"  # noqa: S105 - of a server that lives for one test
PREFIX = "/srv/conda/envs/notebook"
NAME = "verified-running"


@pytest.fixture
def running(docker_engine: Engine, real_image: str) -> Iterator[str]:
    """Return a container whose server has executed a notebook."""
    docker_engine.run("run", "--detach", "--name", NAME, "--env", f"JUPYTER_TOKEN={TOKEN}", real_image)
    try:
        server = Jupyter(url=f"http://{docker_engine.address(NAME)}:8888/", token=TOKEN)
        server.wait()
        assert server.execute_notebook("answer.ipynb")[-1].startswith("42")
        yield NAME
    finally:
        docker_engine.run("rm", "--force", NAME)


def test_a_container_that_works_is_sound_and_one_that_was_changed_is_not(
    running: str, docker_engine: Engine, test_store: Store, real_repository: Path
) -> None:
    def verify() -> subprocess.CompletedProcess[str]:
        words = ["verify", f"container:{running}", "--of", str(real_repository), "--packages", "wheels", "--json"]
        making = ["--python", str(find_python("3.11")), "--repo-dir", "/srv/repo"]
        return subprocess.run(
            [sys.executable, "-m", "bindery", *words, *making],
            env={**os.environ, **docker_engine.environ, "BINDERY_STORE": str(test_store.root)},
            capture_output=True,
            text=True,
            check=False,
        )

    sound = verify()
    assert (sound.returncode, json.loads(sound.stdout)["findings"]) == (0, [])
    script = f"f=$(echo {PREFIX}/lib/python3.*/site-packages/dask/__pycache__/core.*.pyc); echo x >> $f; echo $f"
    path = docker_engine.run("exec", "--user", "0", running, "bash", "-c", script).stdout.strip()
    docker_engine.run("exec", "--user", "0", running, "touch", "/etc/ld.so.preload")
    changed = verify()
    assert changed.returncode == 1
    found = {one["path"]: one["what"] for one in json.loads(changed.stdout)["findings"]}
    assert found == {path: "changed", "/etc/ld.so.preload": "added"}
