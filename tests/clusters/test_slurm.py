"""Workers that are jobs of a real Slurm."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.testbed.users import run_as

from bindery.clusters import JobCluster, JobWorkers, begin_job_cluster
from bindery.core import CheckFailed, ToolFailed
from bindery.sif.sites import Site, read_site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.testbed.slurm import Slurm
    from tests.testbed.users import User

pytestmark = pytest.mark.testbed
LIMIT_S = 120.0
SITE = """\
scheduler: slurm
cores: 1
memory: 1GB
walltime: 00:10:00
queue: {partition}
interface: lo
scratch: {folder}
"""
CONNECT = """
import socket, ssl, sys
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as plain, context.wrap_socket(plain) as closed:
    print(closed.recv(1))
"""


def wait_until(is_so: Callable[[], object], slurm: Slurm) -> None:
    end_s = time.monotonic() + LIMIT_S
    while not is_so():
        assert time.monotonic() < end_s, f"{slurm.jobs()}\n{slurm.log()}"
        time.sleep(0.2)


@pytest.fixture(scope="module")
def site(running_slurm: Slurm, tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("site")
    (folder / "small.yaml").write_text(SITE.format(partition=running_slurm.partition, folder=folder))
    return read_site(folder / "small.yaml", folder)


@pytest.fixture(scope="module")
def environ(running_slurm: Slurm, base_environ: dict[str, str]) -> dict[str, str]:
    return {**base_environ, **running_slurm.environ}


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder as lies beside a notebook."""
    folder = tmp_path_factory.mktemp("modules")
    (folder / "beside_the_notebook.py").write_text("def twice(x):\n    return 2 * x\n")
    return folder


@pytest.fixture(scope="module")
def cluster(
    hpc_python: Path, environ: dict[str, str], site: Site, modules: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[JobCluster]:
    """Return a cluster of two jobs that the tests of this file share."""
    folder = tmp_path_factory.mktemp("jobs")
    workers = JobWorkers(site=site, workers=2)
    starting = begin_job_cluster(
        hpc_python, environ, workers, lock_digest="", folder=folder / "c", python_path=(modules,)
    )
    with starting.finish() as running:
        yield running


@pytest.fixture
def run_hpc(
    hpc_python: Path, base_environ: dict[str, str], cluster: JobCluster, tmp_path: Path
) -> Callable[[str], str]:
    """Return a function that runs a client of the cluster and returns what it printed."""

    def run(code: str, name: str = "client") -> str:
        environ = {**base_environ, **cluster.environ, "DASK_CLIENT_NAME": name}
        done = subprocess.run(
            [hpc_python, "-c", f"from distributed import Client\nclient = Client()\n{code}"],
            env=environ,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_each_worker_is_a_job_and_is_counted(
    cluster: JobCluster, run_hpc: Callable[[str], str], running_slurm: Slurm
) -> None:
    said = run_hpc("print(*sorted(client.run(lambda: __import__('os').environ['SLURM_JOB_ID']).values()))")
    assert said.split() == sorted(running_slurm.jobs())
    assert len(said.split()) == 2
    code = "import dask.array\nprint(dask.array.ones((40, 40), chunks=(10, 10)).sum().compute())"
    assert run_hpc(code) == "1600.0\n"
    assert cluster.metrics("client").tasks_done["sum"] == 16
    assert cluster.description == "2 workers, 1 thread each, 1GB a job, Slurm jobs on small, in the prefix"


def test_scheduler_and_workers_import_what_lies_beside_the_notebook(
    run_hpc: Callable[[str], str], modules: Path
) -> None:
    code = "import sys\nsys.path.insert(0, {folder!r})\nimport beside_the_notebook\n"
    code += "print(client.submit(beside_the_notebook.twice, 21).result())"
    assert run_hpc(code.format(folder=str(modules))) == "42\n"


def test_the_dashboard_is_on_loopback_and_the_site_s_variables_are_set(
    cluster: JobCluster, run_hpc: Callable[[str], str]
) -> None:
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/status", cluster.dashboard or "")
    code = "print(client.submit(lambda: __import__('os').environ['HDF5_USE_FILE_LOCKING']).result())"
    assert run_hpc(code) == "FALSE\n"


def test_a_second_user_is_refused(cluster: JobCluster, tester: User) -> None:
    files = [value for name, value in cluster.environ.items() if name.endswith(("FILE", "CERT", "KEY"))]
    assert len(files) == 3
    for file in files:
        done = run_as(tester, ["cat", file], env={"PATH": os.environ["PATH"]}, cwd=Path("/"))
        assert (done.returncode, done.stdout) == (1, "")
    python = shutil.which("python3", path="/usr/bin:/bin") or sys.executable
    port = cluster.address.rpartition(":")[2]
    done = run_as(tester, [python, "-c", CONNECT, port], env={"PATH": os.environ["PATH"]}, cwd=Path("/"))
    assert done.returncode == 1
    assert "certificate required" in done.stderr.lower().replace("_", " ")


def test_a_client_without_the_certificate_is_refused(
    cluster: JobCluster, hpc_python: Path, base_environ: dict[str, str], tmp_path: Path
) -> None:
    code = "from distributed import Client, Security\nClient(security=Security.temporary(), timeout=5)"
    environ = {**base_environ, "DASK_SCHEDULER_ADDRESS": cluster.address}
    done = subprocess.run([hpc_python, "-c", code], env=environ, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 1
    assert b"CERTIFICATE_VERIFY_FAILED" in done.stderr or b"Timed out trying to connect" in done.stderr


WORK = """
import os, signal, time
def slow(x):
    time.sleep(0.5)
    return x
futures = client.map(slow, range(24), pure=False)
{meanwhile}
print(sum(client.gather(futures)))
"""


def test_work_is_finished_when_a_worker_is_killed(run_hpc: Callable[[str], str]) -> None:
    first = "sorted(client.scheduler_info()['workers'])[0]"
    kill = f"client.run(lambda: os.kill(os.getpid(), signal.SIGKILL), workers=[{first}], on_error='ignore')"
    assert run_hpc(WORK.format(meanwhile=kill)) == "276\n"


def test_a_job_at_its_wall_time_is_replaced_and_work_is_finished(
    run_hpc: Callable[[str], str], running_slurm: Slurm
) -> None:
    before = sorted(running_slurm.jobs())
    for job in before:
        running_slurm.end_soon(job, 4)
    # Both end, with the results that they hold: without other jobs there would be nobody to compute them again.
    meanwhile = f"""
from distributed import wait
wait(futures)
def job():
    return os.environ["SLURM_JOB_ID"]
while {set(before)} & set(client.run(job, on_error="ignore").values()):
    time.sleep(0.5)
"""
    assert run_hpc(WORK.format(meanwhile=meanwhile)) == "276\n"
    assert not set(running_slurm.jobs()) & set(before)


def test_it_grows_adapts_down_to_none_and_comes_back(
    cluster: JobCluster, run_hpc: Callable[[str], str], running_slurm: Slurm
) -> None:
    cluster.scale(3)
    wait_until(lambda: len(running_slurm.jobs()) == 3, running_slurm)
    cluster.adapt(0, 2)
    wait_until(lambda: running_slurm.jobs() == [], running_slurm)
    assert run_hpc(WORK.format(meanwhile="")) == "276\n"


def start_one(hpc_python: Path, environ: dict[str, str], site: Site, folder: Path) -> JobCluster:
    workers = JobWorkers(site=site, workers=1)
    return begin_job_cluster(hpc_python, environ, workers, lock_digest="", folder=folder).finish()


def test_stop_leaves_no_job(
    hpc_python: Path, environ: dict[str, str], site: Site, slurm: Slurm, tmp_path: Path
) -> None:
    with start_one(hpc_python, environ, site, tmp_path / "c") as cluster:
        assert slurm.run("squeue", "--noheader", f"--name={cluster.job_name}", "--format=%A").split()
    wait_until(lambda: slurm.run("squeue", "--noheader", f"--name={cluster.job_name}") == "", slurm)
    cluster.stop()


def test_a_scheduler_that_was_killed_leaves_no_job(
    hpc_python: Path, environ: dict[str, str], site: Site, slurm: Slurm, tmp_path: Path
) -> None:
    with start_one(hpc_python, environ, site, tmp_path / "c") as cluster:
        os.kill(cluster.pid, signal.SIGKILL)
    wait_until(lambda: slurm.run("squeue", "--noheader", f"--name={cluster.job_name}") == "", slurm)


@pytest.mark.parametrize("kept", ["the scheduler", "nobody"])
def test_no_job_survives_whoever_started_it(
    kept: str, hpc_python: Path, environ: dict[str, str], site: Site, slurm: Slurm, tmp_path: Path
) -> None:
    code = f"""
import pathlib, time
from bindery.clusters import JobWorkers, begin_job_cluster
from bindery.sif.sites import read_site
site = read_site(pathlib.Path({str(site.path)!r}), pathlib.Path("/"))
cluster = begin_job_cluster(pathlib.Path({str(hpc_python)!r}), {environ!r}, JobWorkers(site=site, workers=1),
                            lock_digest="", folder=pathlib.Path({str(tmp_path / "c")!r})).finish()
print(cluster.pid, cluster.job_name, flush=True)
time.sleep(1000)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        pid, name = starter.stdout.readline().split()
        assert slurm.run("squeue", "--noheader", f"--name={name}") != ""
        if kept == "nobody":
            os.kill(int(pid), signal.SIGSTOP)  # so that it cannot notice that the other has gone
            starter.kill()
            os.kill(int(pid), signal.SIGKILL)
        else:
            starter.kill()
    wait_until(lambda: slurm.run("squeue", "--noheader", f"--name={name}") == "", slurm)


def make_site(site: Site, folder: Path, more: str) -> Site:
    (folder / "other.yaml").write_text(site.path.read_text() + more)
    return read_site(folder / "other.yaml", folder)


def test_jobs_that_wait_for_their_turn_are_cancelled(
    hpc_python: Path, environ: dict[str, str], site: Site, slurm: Slurm, tmp_path: Path
) -> None:
    later = make_site(site, tmp_path, "directives: [--begin=now+3600]\n")
    workers = JobWorkers(site=later, workers=1)
    starting = begin_job_cluster(hpc_python, environ, workers, lock_digest="", folder=tmp_path / "c")
    with ThreadPoolExecutor() as pool:
        finished = pool.submit(starting.finish)
        wait_until(slurm.jobs, slurm)
        starting.stop()
        error = finished.exception()
    assert isinstance(error, ToolFailed)
    assert "submit: it ended with status -9" in str(error)
    wait_until(lambda: slurm.jobs() == [], slurm)


def test_a_job_that_the_queue_refuses_is_an_error(
    hpc_python: Path, environ: dict[str, str], site: Site, slurm: Slurm, tmp_path: Path
) -> None:
    other = make_site(site, tmp_path, "directives: [--partition=none]\n")
    with pytest.raises(ToolFailed) as caught:
        start_one(hpc_python, environ, other, tmp_path / "c")
    assert str(caught.value) == (
        f"{other.path}: the queue took no job: sbatch: error: Batch job submission failed: "
        "Invalid partition name specified"
    )
    assert slurm.jobs() == []


def start_in_sif(hpc_python: Path, environ: dict[str, str], site: Site, command: str, folder: Path) -> JobCluster:
    """Start workers in a SIF that the site runs by this shell script."""
    program = folder / "singularity"
    program.write_text(f"#!/bin/sh\n{command}\n")
    program.chmod(0o755)
    other = make_site(site, folder, f"singularity: {{command: {program}}}\n")
    workers = JobWorkers(site=other, workers=1, sif=folder / "hpc.sif")
    return begin_job_cluster(hpc_python, environ, workers, lock_digest="sha256:aa", folder=folder / "c").finish()


def test_a_job_that_ends_too_early_is_an_error_with_what_it_said(
    hpc_python: Path, environ: dict[str, str], site: Site, slurm: Slurm, tmp_path: Path
) -> None:
    with pytest.raises(ToolFailed) as caught:
        start_in_sif(hpc_python, environ, site, "echo no fuse here >&2; exit 255", tmp_path)
    assert re.fullmatch(
        rf"{tmp_path}/other.yaml: job \d+ ended before its worker came\n  \| no fuse here", str(caught.value)
    )
    assert slurm.jobs() == []


def test_workers_of_another_environment_are_refused(
    hpc_python: Path,
    environment_python: Path,
    environ: dict[str, str],
    site: Site,
    slurm: Slurm,
    tmp_path: Path,
) -> None:
    enters = f'while [ "$1" != python ]; do shift; done\nshift\nexec {environment_python} "$@"'
    with pytest.raises(CheckFailed) as caught:
        start_in_sif(hpc_python, environ, site, enters, tmp_path)
    lines = str(caught.value).splitlines()
    assert re.fullmatch(r"job \d+ on \S+: this worker is not what the client is:", lines[0])
    assert re.fullmatch(r"  batchspawner none, the client has \S+ \S+", lines[1])
    assert lines[-1] == (
        "  fix: start kernel, scheduler and workers from one lock: make the SIF from this environment again"
    )
    wait_until(lambda: slurm.jobs() == [], slurm)
