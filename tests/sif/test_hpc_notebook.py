"""The notebook about batch queues, executed under a real Slurm with workers in the SIF: outputs are as committed."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.clusters.conftest import hpc_python
from tests.conftest import ROOT
from tests.sif.sites.test_jobs import write_files

if TYPE_CHECKING:
    from pathlib import Path

    from tests.testbed.apptainer import Apptainer
    from tests.testbed.slurm import Slurm

__all__ = ["hpc_python"]  # a fixture that tests of clusters have as well
pytestmark = pytest.mark.testbed

NAME = "hpc-jobqueue.ipynb"


def printed(path: Path) -> list[str]:
    """Return what each cell has printed."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(out["text"]) for cell in cells for out in cell.get("outputs", []) if out.get("name") == "stdout"]


def execute(python: Path, place: Path, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Execute the notebook as somebody does who has it in a folder on a file system that nodes see."""
    shutil.copytree(ROOT / "notebooks/data", place / "data")
    (place / "hpc").mkdir()
    shutil.copy(ROOT / "notebooks/hpc" / NAME, place / "hpc")
    words = [python, "-m", "papermill", NAME, "out.ipynb", "--kernel", "python3", "-p", "wait_s", "240"]
    home = place / "home"
    home.mkdir()
    variables = {"HOME": str(home), "PATH": f"{python.parent}:{environ['PATH']}"}
    return subprocess.run(
        words, env={**environ, **variables}, cwd=place / "hpc", capture_output=True, text=True, check=False
    )


def test_workers_in_the_sif_are_grown_by_hand_and_by_themselves(
    slurm: Slurm, hpc_sif: Path, apptainer: Apptainer, hpc_python: Path, tmp_path: Path
) -> None:
    folder = write_files("slurm", hpc_sif, apptainer)
    done = execute(hpc_python, tmp_path, {**slurm.environ, "DASK_ROOT_CONFIG": str(folder / "dask")})
    assert done.returncode == 0, done.stderr[-3000:]
    assert printed(tmp_path / "hpc/out.ipynb") == printed(ROOT / "notebooks/hpc" / NAME)
    assert slurm.jobs() == []


def test_without_a_site_it_stops(hpc_python: Path, tmp_path: Path) -> None:
    done = execute(hpc_python, tmp_path, {"PATH": "/usr/bin:/bin"})
    assert done.returncode == 1
    assert "RuntimeError: no site is known: load the module that `bindery site` wrote" in done.stderr
