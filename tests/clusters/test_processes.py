"""Jobs of Slurm that have several workers each."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from bindery.clusters import JobWorkers, begin_job_cluster
from bindery.sif.sites import read_site

if TYPE_CHECKING:
    from pathlib import Path

    from tests.testbed.slurm import Slurm

pytestmark = pytest.mark.testbed
SITE = """\
scheduler: slurm
cores: 4
processes: 2
memory: 2GB
walltime: 00:10:00
interface: lo
scratch: {folder}
"""
CODE = """
import os, subprocess, time
from distributed import Client
client = Client()
def look():
    jobs = client.run(lambda: os.environ["SLURM_JOB_ID"], on_error="ignore")
    return len(jobs), set(jobs.values())
count, first = look()
print(count, len(first), *client.nthreads().values())
subprocess.run(["scancel", *first], check=True)
while True:
    count, jobs = look()
    if count == 2 and not jobs & first:
        break
    time.sleep(0.2)
print(count, len(jobs), *client.nthreads().values())
print(sum(client.gather(client.map(abs, range(-8, 0)))))
"""


def test_a_job_with_two_workers_starts_and_is_replaced(
    hpc_python: Path, base_environ: dict[str, str], slurm: Slurm, tmp_path: Path
) -> None:
    (tmp_path / "two.yaml").write_text(SITE.format(folder=tmp_path), encoding="utf-8")
    workers = JobWorkers(site=read_site(tmp_path / "two.yaml", tmp_path), workers=2)
    environ = {**base_environ, **slurm.environ}
    starting = begin_job_cluster(hpc_python, environ, workers, lock_digest="", folder=tmp_path / "c")
    with starting.finish() as cluster:
        assert cluster.description.startswith("2 workers, 2 threads each, 2GB a job, ")
        (first,) = slurm.jobs()
        done = subprocess.run(
            [hpc_python, "-c", CODE],
            env={**environ, **cluster.environ},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.stdout == "2 1 2 2\n2 1 2 2\n36\n", f"{done.stderr}\n{slurm.log()}"
        (second,) = slurm.jobs()
        assert second != first
