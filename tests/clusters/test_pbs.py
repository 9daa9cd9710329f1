"""Workers that are jobs of a small PBS: scripts are dask-jobqueue's own, and they run."""

from __future__ import annotations

import json
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from bindery.clusters import JobWorkers, begin_job_cluster
from bindery.core import ToolFailed
from bindery.sif.sites import Site, read_site

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.testbed.pbs import Pbs

LIMIT_S = 60.0
SITE = """\
scheduler: pbs
queue: {queue}
cores: 1
memory: 1GB
walltime: 00:10:00
interface: lo
scratch: {folder}
environ: {{SAID: "it's $PBS_JOBID"}}
"""
KEEP = """\
#!/bin/sh
# The last word is the script: it is kept, and PBS gets it.
for word do last=$word; done
cp "$last" {kept}/$$.sh
exec {qsub} "$@"
"""
RENDER = """
import json, sys
from dask_jobqueue import PBSCluster
scheduler, name, options = json.load(sys.stdin)
print(PBSCluster.job_cls(scheduler, name=name, **options).job_script(), end="")
"""


@pytest.fixture
def site(pbs: Pbs, tmp_path: Path) -> Site:
    (tmp_path / "hal.yaml").write_text(SITE.format(queue=pbs.queue, folder=tmp_path))
    return read_site(tmp_path / "hal.yaml", tmp_path)


@pytest.fixture
def environ(pbs: Pbs, base_environ: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """Return variables under which every script that is submitted is kept."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "kept").mkdir()
    (tmp_path / "bin" / "qsub").write_text(KEEP.format(kept=tmp_path / "kept", qsub=pbs.bin / "qsub"))
    (tmp_path / "bin" / "qsub").chmod(0o755)
    return {**base_environ, "PATH": f"{tmp_path / 'bin'}:{pbs.environ['PATH']}"}


def wait_until(is_so: Callable[[], bool], pbs: Pbs) -> None:
    end_s = time.monotonic() + LIMIT_S
    while not is_so():
        assert time.monotonic() < end_s, pbs.log()
        time.sleep(0.05)


def test_scripts_are_dask_jobqueue_s_own_and_their_jobs_are_workers(
    pbs: Pbs, site: Site, hpc_python: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "c"
    jobs = JobWorkers(site=site, workers=2)
    with begin_job_cluster(hpc_python, environ, jobs, lock_digest="", folder=folder).finish() as cluster:
        code = "import os\nfrom distributed import Client\nprint(*Client().run(lambda: os.environ['SAID']).values())"
        words = [hpc_python, "-c", code]
        said = subprocess.run(words, env={**environ, **cluster.environ}, capture_output=True, text=True, check=True)
        assert sorted(said.stdout.replace("it's ", "").split()) == sorted(pbs.jobs())
        assert len(pbs.jobs()) == 2
        scripts = [path.read_text() for path in (tmp_path / "kept").iterdir()]
        cluster.adapt(0, 1)
        wait_until(lambda: pbs.jobs() == [], pbs)
    assert cluster.description == "2 workers, 1 thread each, 1GB a job, PBS jobs on hal, in the prefix"
    assert len(scripts) == 2
    prefix = hpc_python.parent.parent
    for script in scripts:
        # What the site's file says, told to dask-jobqueue by hand; the lines before the worker are ours.
        prologue = script.split("jobs/\n")[2].splitlines()[:-1]
        options = {
            "queue": "workq",
            "cores": 1,
            "processes": 1,
            "memory": "1GB",
            "walltime": "00:10:00",
            "interface": "lo",
            "protocol": "tls://",
            "python": f"HOME={environ['HOME']} {prefix}/bin/python",
            "job_name": cluster.job_name,
            "job_script_prologue": prologue,
            "log_directory": f"{folder}/jobs",
            "local_directory": '"${TMPDIR:-/tmp}"',
            "death_timeout": 60,
            "worker_extra_args": ["--preload", f"{folder}/admit.py", "--dashboard-address", "127.0.0.1:0"],
        }
        name = script.partition(" --name ")[2].split()[0]
        rendered = subprocess.run(
            [hpc_python, "-c", RENDER],
            input=json.dumps([cluster.address, name, options]),
            env=environ,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        tls = " ".join(
            f"--tls-{option} {folder}/certificates/{file}.pem"
            for option, file in (("ca-file", "authority"), ("cert", "certificate"), ("key", "key"))
        )
        expected = rendered.replace("--protocol tls://", f"--protocol tls:// {tls}")
        assert script.splitlines() == expected.splitlines()


def test_a_scheduler_that_was_killed_leaves_no_job(
    pbs: Pbs, site: Site, hpc_python: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    jobs = JobWorkers(site=site, workers=1)
    with begin_job_cluster(hpc_python, environ, jobs, lock_digest="", folder=tmp_path / "c").finish() as cluster:
        assert cluster.job_name[:15] in pbs.run("qstat").stdout
        subprocess.run(["kill", "-KILL", str(cluster.pid)], check=True)
    wait_until(lambda: pbs.jobs() == [], pbs)


def test_a_queue_that_no_longer_answers_is_an_error(
    site: Site, hpc_python: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    jobs = JobWorkers(site=site, workers=1)
    cluster = begin_job_cluster(hpc_python, environ, jobs, lock_digest="", folder=tmp_path / "c").finish()
    (tmp_path / "bin" / "qstat").write_text("#!/bin/sh\necho qstat: cannot connect to server >&2\nexit 111\n")
    (tmp_path / "bin" / "qstat").chmod(0o755)
    with pytest.raises(ToolFailed) as caught:
        cluster.stop()
    assert str(caught.value) == (
        "PBS: jobs may be left: ended with status 1\n"
        "  | qstat: cannot connect to server\n"
        f"  fix: look for jobs named {cluster.job_name}, and cancel them with qdel"
    )
    cluster.stop()
