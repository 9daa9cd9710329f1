"""dask-jobqueue finds our settings, and the jobs that it submits are what the site says, line by line."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bindery.sif.sites import job_directives
from bindery.sif.sites.render import render_site_files

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sif.sites.conftest import MakeSite

    from bindery.sif.sites import Site
    from bindery.sif.sites.contents import SifContents

MORE = """\
queue: qt 1
account: '1e3'
interface: lo
local_directory: $TMPDIR/a b
directives:
  - '-M me@example.org'
  - -m "a b"
"""
SCRIPT = """\
import sys
from dask_jobqueue import PBSCluster, SLURMCluster
with (PBSCluster if sys.argv[1] == "pbs" else SLURMCluster)() as cluster:
    print(cluster.scheduler_address)
    print(cluster.job_script(), end="")
"""


def render(site: Site, contents: SifContents, folder: Path) -> dict[str, str]:
    """Return the texts of the site's files, by their paths."""
    return {str(file.path): file.text for file in render_site_files(site, contents, folder)}


def ask_jobqueue(scheduler: str, text: str, folder: Path) -> tuple[str, list[str]]:
    """Return the scheduler's address, and the lines of the job's script."""
    (folder / "dask").mkdir(parents=True)
    (folder / "dask" / "jobqueue.yaml").write_text(text, encoding="utf-8")
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "DASK_ROOT_CONFIG": str(folder / "dask")}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT, scheduler],
        env=environ,
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    address, *lines = done.stdout.splitlines()
    return address, lines


HEADS = {
    "pbs": [
        "#PBS -N dask-worker",
        "#PBS -q qt 1",
        "#PBS -A 1e3",
        "#PBS -l select=1:ncpus=24:mem=112GB",
        "#PBS -l walltime=01:00:00",
        "#PBS -M me@example.org",
        '#PBS -m "a b"',
    ],
    "slurm": [
        "#SBATCH -J dask-worker",
        "#SBATCH -p qt 1",
        "#SBATCH -A 1e3",
        "#SBATCH -n 1",
        "#SBATCH --cpus-per-task=24",
        "#SBATCH --mem=112G",
        "#SBATCH -t 01:00:00",
        "#SBATCH -M me@example.org",
        '#SBATCH -m "a b"',
    ],
}


@pytest.mark.parametrize("scheduler", ["pbs", "slurm"])
def test_a_job_of_dask_jobqueue_is_what_the_site_says(
    make_site: MakeSite, contents: SifContents, tmp_path: Path, scheduler: str
) -> None:
    folder = tmp_path / "of all\nit's"
    site = make_site(scheduler, MORE)
    address, lines = ask_jobqueue(scheduler, render(site, contents, folder)["dask/jobqueue.yaml"], tmp_path / "home")
    script = "\n".join(lines)
    head, directives, command = script.split("\n\n", 2)
    assert head == "#!/usr/bin/env bash"
    assert directives.splitlines() == HEADS[scheduler]
    # On the host, TMPDIR has the node's folder; whatever is in it stays one word.
    name = "dummy-name"
    assert shlex.split(command) == [
        *[str(folder / "bin/python"), "-m", "distributed.cli.dask_worker", address, "--name", name],
        *["--nthreads", "3", "--memory-limit", "13.97GiB", "--nworkers", "8", "--nanny", "--death-timeout", "120"],
        *["--local-directory", "$TMPDIR/a b", "--interface", "lo"],
    ]
    assert '--local-directory "$TMPDIR/a b" ' in command


@pytest.mark.parametrize("scheduler", ["pbs", "slurm"])
def test_our_own_jobs_ask_for_the_same(
    make_site: MakeSite, contents: SifContents, tmp_path: Path, scheduler: str
) -> None:
    site = make_site(scheduler, MORE)
    word = "PBS" if scheduler == "pbs" else "SBATCH"
    assert [f"#{word} {one}" for one in job_directives(site, "dask-worker")] == HEADS[scheduler]
    files = render(site, contents, tmp_path / "files")
    for job in ("jupyter", "papermill", "test"):
        lines = files[f"jobs/{job}.sh"].splitlines()
        assert lines[0] == "#!/bin/bash"
        assert lines[1 : 1 + len(HEADS[scheduler])] == [one.replace("dask-worker", job) for one in HEADS[scheduler]]


@pytest.mark.parametrize(
    ("memory", "expected"),
    [("120GB", "112G"), ("2GiB", "2G"), ("1GB", "954M"), ("512MiB", "512M"), ("1.5 GiB", "2G"), ("1kB", "1M")],
)
def test_memory_is_rounded_up_to_what_schedulers_count_in(make_site: MakeSite, memory: str, expected: str) -> None:
    directives = job_directives(replace(make_site("slurm"), memory=memory), "x")
    assert f"--mem={expected}" in directives
