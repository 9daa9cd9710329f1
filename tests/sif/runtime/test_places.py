"""Where a SIF runs: read-only, without a home, as anybody, on nodes without graphics processors, by old Singularity."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.testbed.apptainer import Apptainer
    from tests.testbed.users import User

pytestmark = pytest.mark.testbed

PREFIX = "/srv/conda/envs/notebook"


def test_nothing_of_the_image_can_be_written(apptainer: Apptainer, hpc_sif: Path, tester: User) -> None:
    paths = f"{PREFIX}/bin /etc /srv/repo/notebooks/weekly-mean.ipynb"
    script = f"for path in {paths}; do [ ! -w $path ] || echo $path; done; ls /srv/repo/notebooks"
    said = apptainer.run("exec", hpc_sif, "sh", "-c", script, user=tester).stdout
    assert "weekly-mean.ipynb" in said.split()
    assert "/" not in said


@pytest.mark.parametrize("by_root", [False, True], ids=["ordinary user", "root"])
def test_everybody_can_import(apptainer: Apptainer, hpc_sif: Path, tester: User, by_root: bool) -> None:  # noqa: FBT001
    script = "import os, numpy, papermill; print(os.getuid())"
    said = apptainer.run("exec", hpc_sif, "python", "-c", script, user=None if by_root else tester).stdout
    assert said == f"{os.geteuid() if by_root else tester.uid}\n"


def test_without_a_home_run_has_one_that_can_be_written(apptainer: Apptainer, hpc_sif: Path, tester: User) -> None:
    words: list[str | Path] = ["--no-home", hpc_sif, "sh", "-c", "stat -c '%a %u' $HOME; echo $HOME; touch $HOME/it"]
    done = apptainer.run("run", *words, user=tester, cwd=apptainer.folder)
    home = f"/tmp/home-{tester.uid}"  # noqa: S108 - the one of a container
    assert done.stdout == f"700 {tester.uid}\n{home}\n"
    assert done.stderr.endswith(f"{tester.home} cannot be written; HOME is {home}\n")
    # Those that run beside each other share it.
    assert apptainer.run("run", *words, user=tester, cwd=apptainer.folder).stdout == done.stdout
    subprocess.run(["rm", "-r", home], check=True)


def test_a_home_that_somebody_else_laid_is_not_used(
    apptainer: Apptainer, hpc_sif: Path, tester: User, tmp_path: Path
) -> None:
    trap = f"/tmp/home-{tester.uid}"  # noqa: S108 - the one of a container
    Path(trap).symlink_to(tmp_path)
    try:
        words: list[str | Path] = ["--no-home", hpc_sif, "sh", "-c", "echo $HOME; rmdir $HOME"]
        home = apptainer.run("run", *words, user=tester, cwd=apptainer.folder).stdout
    finally:
        Path(trap).unlink()
    assert home.startswith(f"{trap}-")


def test_a_node_without_graphics_processors_takes_nv(apptainer: Apptainer, hpc_sif: Path, tester: User) -> None:
    script = "import os; print(os.environ['LD_LIBRARY_PATH'], os.path.isdir('/.singularity.d/libs'))"
    said = apptainer.run("exec", "--nv", hpc_sif, "python", "-c", script, user=tester)
    assert said.stdout == "/.singularity.d/libs True\n"


def test_its_own_test_holds(apptainer: Apptainer, hpc_sif: Path, tester: User) -> None:
    assert apptainer.run("test", hpc_sif, user=tester).stdout == ""


def test_it_says_how_it_is_used(apptainer: Apptainer, hpc_sif: Path) -> None:
    assert apptainer.run("run-help", hpc_sif).stdout.startswith(
        "The environment hpc, as its lock has it.\nlock: sha256:"
    )
    assert "papermill" in apptainer.run("run-help", "--app", "notebook", hpc_sif).stdout
    assert apptainer.run("inspect", "--list-apps", hpc_sif).stdout.split() == ["jupyter", "notebook", "worker"]
    shown = apptainer.run("inspect", "--environment", hpc_sif).stdout
    assert f"export CONDA_PREFIX='{PREFIX}'" in shown
    assert "bindery.environment: hpc\n" in apptainer.run("inspect", hpc_sif).stdout


OLD = (
    "/usr/bin/env",
    "-i",
    "HOME=/",
    "PYTHONPATH=/x",
    "PYTHONHOME=/y",
    "CONDA_PREFIX=/z",
    "LANG=xx_XX",
    "TMPDIR=/none",
)


@pytest.mark.parametrize(
    ("action", "words", "said"),
    [
        (
            "exec",
            ["python", "-c", "import sys, os; print(sys.prefix, os.environ['LANG'])"],
            f"{PREFIX} en_US.UTF-8\n",
        ),
        ("run", ["sh", "-c", "echo $CONDA_PREFIX"], f"{PREFIX}\n"),
        ("shell", ["-c", "echo $SHELL $CONDA_PREFIX [$TMPDIR]"], f"/bin/bash {PREFIX} []\n"),
        ("test", [], ""),
        ("start", [], ""),
    ],
)
def test_singularity_before_3_6_finds_its_actions(
    apptainer: Apptainer, hpc_sif: Path, action: str, words: list[str], said: str
) -> None:
    """It starts these files, with the host's variables as they are."""
    command = [*OLD, "SINGULARITY_CONTAINER=x", f"/.singularity.d/actions/{action}", *words]
    if action == "start":
        # It tells process 1 that the instance is there; here that is somebody else's.
        command = [*OLD, "sh", "-c", "kill() { :; }; . /.singularity.d/actions/start"]
    assert apptainer.run("exec", hpc_sif, *command).stdout == said


def test_singularity_before_3_6_finds_apps(apptainer: Apptainer, hpc_sif: Path) -> None:
    command = [*OLD, "SINGULARITY_APPNAME=jupyter", "/.singularity.d/actions/run", "--paths"]
    assert "config:" in apptainer.run("exec", hpc_sif, *command).stdout


def test_an_app_that_is_not_there(apptainer: Apptainer, hpc_sif: Path, tester: User) -> None:
    command = [*OLD, "SINGULARITY_APPNAME=nope", "/.singularity.d/actions/run"]
    done = apptainer.run("exec", hpc_sif, *command, user=tester, check=False)
    assert done.returncode == 1
    assert done.stderr.endswith("there is no app nope; apps: jupyter, notebook, worker\n")
