"""One cluster of two workers for all tests that can share it, and clients in processes of the environment."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest
from tests.command import run_bindery
from tests.conftest import ROOT, find_python

from bindery.clusters import ClusterSize, LocalCluster, start_cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bindery.core import Store

SMALL = ClusterSize(workers=2, threads_per_worker=1, memory_per_worker="1GiB")


class RunClient(Protocol):
    """Runs code in the environment's Python, with these variables added."""

    def __call__(self, code: str, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Return what the process printed, and its status."""


@pytest.fixture(scope="session")
def environment_python(stack_python: Callable[[str], Path]) -> Path:
    """Return the Python of an environment with the whole stack."""
    return stack_python("3.11")


@pytest.fixture(scope="session")
def hpc_python(test_store: Store) -> Path:
    """Return the Python of ``environments/hpc``, as ``bindery install`` makes it."""
    words = ["install", "hpc", "--packages", "wheels", "--python", str(find_python("3.11")), "--quiet"]
    done = run_bindery(test_store, *words, cwd=ROOT)
    return Path(done.stdout.rstrip("\n")) / "bin" / "python"


@pytest.fixture(scope="session")
def base_environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return variables without anything of the tester's own Python or Dask."""
    home = tmp_path_factory.mktemp("home")
    return {"PATH": os.environ["PATH"], "HOME": str(home)}


@pytest.fixture(scope="session")
def cluster(
    environment_python: Path, base_environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalCluster]:
    """Return a running cluster."""
    folder = tmp_path_factory.mktemp("cluster") / "it"
    modules = tmp_path_factory.mktemp("modules")
    (modules / "beside_the_notebook.py").write_text("def twice(x):\n    return 2 * x\n")
    environ = {**base_environ, "OMP_NUM_THREADS": "3"}
    with start_cluster(environment_python, environ, size=SMALL, folder=folder, python_path=(modules,)) as running:
        yield running


@pytest.fixture(scope="session")
def run_client(
    environment_python: Path, base_environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> RunClient:
    """Return a function that runs a client."""
    folder = tmp_path_factory.mktemp("client")

    def run(code: str, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        words = [str(environment_python), "-c", code]
        return subprocess.run(
            words, env={**base_environ, **environ}, cwd=folder, capture_output=True, text=True, timeout=120, check=False
        )

    return run
