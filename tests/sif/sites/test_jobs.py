"""The files of a site, submitted to a real Slurm and to a small PBS: jobs run in the SIF, workers find their client."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
import urllib.request
from typing import TYPE_CHECKING

import pytest

from bindery.sif.sites import read_site, write_site_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.testbed.apptainer import Apptainer
    from tests.testbed.pbs import Pbs
    from tests.testbed.slurm import Slurm
    from tests.testbed.users import User

pytestmark = pytest.mark.testbed

LIMIT_S = 300.0
SITE = """\
scheduler: {scheduler}
cores: 2
processes: 1
memory: 1GB
walltime: 00:10:00
interface: lo
scratch: $HOME/scratch
local_directory: /tmp
singularity:
  command: {program}
"""
NOTEBOOK = """\
{"cells": [{"cell_type": "code", "id": "a", "metadata": {}, "outputs": [], "execution_count": null,
  "source": "import os; print(sorted(set(os.environ) & {'SLURM_JOB_ID', 'PBS_JOBID'}))"}],
 "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}}, "nbformat": 4, "nbformat_minor": 5}
"""
CLIENT = """\
import json, os, sys
from dask_jobqueue import SLURMCluster
from distributed import Client
with SLURMCluster() as cluster, Client(cluster) as client:
    print(json.dumps(cluster.job_script()), flush=True)
    client.wait_for_workers(1, timeout=120)
    def where():
        return sorted(set(os.environ) & {"SLURM_JOB_ID"}), sys.executable, os.environ["HDF5_USE_FILE_LOCKING"]
    print(json.dumps(client.submit(where).result(timeout=60)), flush=True)
"""


def write_files(scheduler: str, hpc_sif: Path, apptainer: Apptainer) -> Path:
    """Return the folder of the site's files, which all users can read."""
    path = hpc_sif.parent / f"{scheduler}.yaml"
    path.write_text(SITE.format(scheduler=scheduler, program=apptainer.program), encoding="utf-8")
    folder = hpc_sif.parent / f"files of {scheduler}"
    write_site_files(read_site(path, path.parent), hpc_sif, folder)
    return folder


@pytest.fixture
def notebook(tester: User) -> Iterator[Path]:
    """Return a notebook of the ordinary user's."""
    folder = tester.home / "notebooks"
    folder.mkdir(exist_ok=True)
    os.chown(folder, tester.uid, tester.gid)
    path = folder / "in.ipynb"
    path.write_text(NOTEBOOK, encoding="utf-8")
    yield path
    for left in folder.iterdir():
        left.unlink()


def printed(path: Path) -> str:
    """Return what the notebook's last cell has printed, once it is there."""
    end_s = time.monotonic() + LIMIT_S
    while not (outputs := read_outputs(path)):
        assert time.monotonic() < end_s, "the job has no result"
        time.sleep(0.2)
    return "".join(outputs[0]["text"])


def read_outputs(path: Path) -> list[dict[str, list[str]]]:
    """Return the outputs of the notebook's last cell; none while it is being written."""
    try:
        outputs: list[dict[str, list[str]]] = json.loads(path.read_text(encoding="utf-8"))["cells"][-1]["outputs"]
    except (FileNotFoundError, json.JSONDecodeError):
        return []
    return outputs


def wait_for(log: Path, pattern: str) -> str:
    """Return what the log says, once it says it."""
    end_s = time.monotonic() + LIMIT_S
    while True:
        text = log.read_text(encoding="utf-8") if log.is_file() else ""
        if found := re.search(pattern, text):
            return found[0]
        assert time.monotonic() < end_s, text
        time.sleep(0.2)


def test_slurm_executes_a_notebook_for_an_ordinary_user(
    slurm: Slurm, hpc_sif: Path, apptainer: Apptainer, tester: User, notebook: Path
) -> None:
    folder = write_files("slurm", hpc_sif, apptainer)
    words = ["--output=log", folder / "jobs/papermill.sh", "in.ipynb", "-o", "out.ipynb"]
    slurm.run("sbatch", *words, user=tester, cwd=notebook.parent)
    assert printed(notebook.with_name("out.ipynb")) == "['SLURM_JOB_ID']\n"


def test_jupyter_answers_where_the_job_says(slurm: Slurm, hpc_sif: Path, apptainer: Apptainer, tester: User) -> None:
    folder = write_files("slurm", hpc_sif, apptainer)
    log = tester.home / "jupyter.log"
    slurm.run("sbatch", f"--output={log}", folder / "jobs/jupyter.sh", user=tester)
    address = wait_for(log, r"http://127\.0\.0\.1:\d+/\S*token=\S+")
    wait_for(log, r"ssh -N -L \d+:")  # Jupyter's own lines may come before ours
    end_s = time.monotonic() + LIMIT_S
    while True:
        try:
            with urllib.request.urlopen(address) as answer:  # noqa: S310 - what the job has printed, on loopback
                assert answer.status == 200
                return
        except OSError:
            assert time.monotonic() < end_s, log.read_text(encoding="utf-8")
            time.sleep(0.2)


def test_a_project_is_tested_in_a_job(slurm: Slurm, hpc_sif: Path, apptainer: Apptainer, tmp_path: Path) -> None:
    folder = write_files("slurm", hpc_sif, apptainer)
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "bindery.toml").touch()
    text = NOTEBOOK.replace("import os; print(sorted(set(os.environ) & {'SLURM_JOB_ID', 'PBS_JOBID'}))", "print(6 * 7)")
    output = '"outputs": [{"output_type": "stream", "name": "stdout", "text": "42\\n"}], "execution_count": 1'
    text = text.replace('"outputs": [], "execution_count": null', output)
    (tmp_path / "notebooks/answer.ipynb").write_text(text, encoding="utf-8")
    slurm.run("sbatch", f"--output={tmp_path}/log", folder / "jobs/test.sh", cwd=tmp_path)
    wait_for(tmp_path / "log", r"(?m)^report/index.html$|^error: |^slurmstepd: ")
    results = tmp_path / "report/results.json"
    assert results.is_file(), (tmp_path / "log").read_text(encoding="utf-8")
    document = json.loads(results.read_text(encoding="utf-8"))
    assert [(one["name"], one["outcome"]) for one in document["notebooks"]] == [("answer", "passed")]


def test_pbs_executes_a_notebook_for_an_ordinary_user(
    pbs: Pbs, hpc_sif: Path, apptainer: Apptainer, tester: User, notebook: Path
) -> None:
    folder = write_files("pbs", hpc_sif, apptainer)
    words = ["-v", "NOTEBOOK=in.ipynb,OUTPUT=out.ipynb", folder / "jobs/papermill.sh"]
    done = pbs.run("qsub", *words, user=tester, cwd=notebook.parent)
    assert done.returncode == 0, done.stderr
    assert printed(notebook.with_name("out.ipynb")) == "['PBS_JOBID']\n"


def test_a_worker_line_that_is_made_inside_is_valid_on_the_host(
    slurm: Slurm, hpc_sif: Path, apptainer: Apptainer, tmp_path: Path
) -> None:
    folder = write_files("slurm", hpc_sif, apptainer)
    script = tmp_path / "client.py"
    script.write_text(CLIENT, encoding="utf-8")
    environ = {**slurm.environ, "HOME": str(tmp_path), "DASK_ROOT_CONFIG": str(folder / "dask")}
    words = [str(folder / "bin/python"), "-W", "ignore", str(script)]
    with subprocess.Popen(words, env=environ, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout is not None
        job = tmp_path / "job.sh"
        job.write_text(json.loads(client.stdout.readline()), encoding="utf-8")
        slurm.run("sbatch", f"--output={tmp_path}/log", job, cwd=tmp_path)
        answer = client.stdout.readline()
    assert answer, (tmp_path / "log").read_text(encoding="utf-8")
    assert json.loads(answer) == [["SLURM_JOB_ID"], f"{folder}/bin/python", "FALSE"]
