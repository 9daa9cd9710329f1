"""``bindery test`` in three places: a cluster on this machine, Slurm workers in the SIF, everything inside the SIF."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from tests.clusters.login_host import open_host
from tests.conftest import ROOT, find_python

if TYPE_CHECKING:
    from pathlib import Path

    from tests.testbed.apptainer import Apptainer
    from tests.testbed.slurm import Slurm

    from bindery.core import Store

pytestmark = pytest.mark.testbed
LIMIT_S = 240
SITE = """\
scheduler: slurm
cores: 1
memory: 1GB
walltime: 00:10:00
queue: {partition}
interface: lo
scratch: {scratch}
singularity: {{command: apptainer}}
"""
CELLS = (
    """\
import dask.array
import numpy as np
import pandas as pd
import xarray as xr
from distributed import Client

from data import gen

client = Client()""",
    """\
waves = dask.array.from_array(np.sin(np.arange(10000.0)), chunks=1000)
series = xr.DataArray(waves, dims="time", coords={"time": pd.date_range("2000-01-01", periods=10000)})
quarters = series.resample(time="QS").mean().compute()
quarters[:5].values""",
    "quarters[:4].to_dataframe(name='mean')",
    # A worker reads what the notebook has written beside itself, and imports what lies there.
    """\
import os
np.save("beside.npy", quarters.values)
client.submit(lambda path: gen.twice(float(np.load(path).sum())), os.path.abspath("beside.npy")).result()""",
    "quarters[:40].plot();",
)
SLOW = "import time\nfrom distributed import Client\nClient().map(time.sleep, [1000])\nprint('x')\ntime.sleep(1000)"


class Places:
    """A project with a notebook, and how it is tested."""

    def __init__(self, project: Path, environ: dict[str, str]) -> None:
        self.project, self.environ = project, environ
        self.prefix = ["-e", "hpc", "--packages", "wheels", "--python", str(find_python("3.11"))]

    def words(self, *words: str | Path) -> list[str | Path]:
        """Return the command."""
        return [sys.executable, "-m", "bindery", "test", *words, "--workers", "2"]

    def test(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """Return what ``bindery test`` did."""
        return subprocess.run(
            self.words(*words),
            cwd=self.project,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )


def write_notebook(path: Path, *sources: str) -> None:
    cells = [
        {"cell_type": "code", "execution_count": 1, "id": f"c{number}", "metadata": {}, "outputs": [], "source": source}
        for number, source in enumerate(sources)
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    path.write_text(
        json.dumps({"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5})
    )


@pytest.fixture(scope="module")
def places(
    running_slurm: Slurm, apptainer: Apptainer, test_store: Store, tmp_path_factory: pytest.TempPathFactory
) -> Places:
    project = tmp_path_factory.mktemp("places") / "project"
    (project / "notebooks" / "data").mkdir(parents=True)
    (project / "notebooks" / "data" / "gen.py").write_text("def twice(x):\n    return 2 * x\n")
    write_notebook(project / "notebooks" / "waves.ipynb", *CELLS)
    write_notebook(project / "notebooks" / "slow.ipynb", SLOW)
    shutil.copytree(ROOT / "environments", project / "environments", ignore=shutil.ignore_patterns("releases", "ml"))
    (project / "bindery.toml").write_text(
        "[environments.pangeo]\nextends = ['base']\n[environments.hpc]\nextends = ['pangeo']\n"
    )
    (project / "binder" / "sites").mkdir(parents=True)
    site = SITE.format(partition=running_slurm.partition, scratch=project / "scratch")
    (project / "binder" / "sites" / "small.yaml").write_text(site)
    (project / "binder" / "sites" / "there.yaml").write_text(
        site.replace("command: apptainer", f"command: {apptainer.program}") + "submit: ssh\nsubmit_host: submit\n"
    )
    environ = {
        **{name: value for name, value in os.environ.items() if name in {"HOME", "LANG", "TMPDIR"}},
        **apptainer.environ,
        **running_slurm.environ,
        "PATH": f"{apptainer.environ['PATH'].partition(':')[0]}:{running_slurm.environ['PATH']}",
        "BINDERY_STORE": str(test_store.root),
    }
    return Places(project, environ)


@pytest.fixture(scope="module")
def waves(places: Places, hpc_sif: Path) -> Places:
    """Return the places, once the notebook's outputs inside the SIF are its references; all of it is on this machine.

    So a kernel in the prefix, with workers in the SIF, is compared with a kernel in the SIF.
    """
    accepted = places.test("waves", "--sif", hpc_sif, "--update")
    assert accepted.returncode == 0, accepted.stderr
    assert "cluster: 2 workers, 1 thread each, 2GiB each, on this machine" in accepted.stderr
    results = json.loads((places.project / "report" / "results.json").read_text())
    assert (results["environment"], results["packages"]) == ("hpc", "wheels")
    assert results["lock_digest"].startswith("sha256:")
    return places


def test_a_notebook_gives_the_same_with_slurm_workers_in_the_sif(waves: Places, slurm: Slurm, hpc_sif: Path) -> None:
    jobs = waves.test("waves", *waves.prefix, "--site", "small", "--sif", hpc_sif)
    assert jobs.returncode == 0, jobs.stderr
    assert "cluster: 2 workers, 1 thread each, 1GB a job, Slurm jobs on small, in hpc.sif, dashboard" in jobs.stderr
    assert "1 notebook, 5 cells: all as referenced" in jobs.stderr
    assert list((waves.project / "scratch").iterdir()) == []
    wait_for_none(slurm)


def test_inside_the_sif_jobs_are_submitted_elsewhere(
    waves: Places, slurm: Slurm, hpc_sif: Path, tmp_path: Path
) -> None:
    path = waves.environ["PATH"].replace(f"{slurm.folder}/bin:", "")
    with open_host(tmp_path, slurm.environ) as ssh:
        elsewhere = Places(waves.project, {**waves.environ, "BINDERY_SSH": str(ssh), "PATH": path})
        inside = elsewhere.test("waves", "--site", "there", "--sif", hpc_sif)
    assert inside.returncode == 0, inside.stderr
    assert "cluster: 2 workers, 1 thread each, 1GB a job, Slurm jobs on there, in hpc.sif, dashboard" in inside.stderr
    wait_for_none(slurm)


WIDGET = """
import sys, time
from dask_jobqueue import SLURMCluster
from distributed import Client
cluster = SLURMCluster(
    queue="main", cores=12, processes=1, memory="60GB", walltime="00:10:00", interface="lo", python=sys.argv[1],
    security=True, shared_temp_directory=sys.argv[2], scheduler_options={"dashboard_address": "127.0.0.1:0"},
)
status, scaling = cluster._widget().children
manual, adaptive = scaling.children[1].children
client = Client(cluster)
port = cluster.scheduler.services["dashboard"].port
print(cluster.dashboard_link.replace(str(port), "8787"), client.dashboard_link.replace(str(port), "8787"))
request, scale = manual.children
request.value = 2
scale.click()
client.wait_for_workers(2, timeout=200)
while "24" not in status.value:
    time.sleep(0.2)
print(len(client.nthreads()), sum(client.nthreads().values()))
minimum, maximum, adapt = adaptive.children
minimum.value, maximum.value = 0, 100
adapt.click()
while client.nthreads():
    time.sleep(0.2)
print(client.submit(sum, [1, 2]).result(), len(client.nthreads()))
client.close()
cluster.close()
"""


def test_the_widget_scales_by_hand_and_by_load(places: Places, slurm: Slurm, hpc_python: Path, tmp_path: Path) -> None:
    said = subprocess.run(
        [hpc_python, "-c", WIDGET, hpc_python, tmp_path],
        env={
            **places.environ,
            "JUPYTERHUB_SERVICE_PREFIX": "/user/ann/",
            "DASK_DISTRIBUTED__DASHBOARD__LINK": "{JUPYTERHUB_SERVICE_PREFIX}proxy/{port}/status",
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    link = "/user/ann/proxy/8787/status"
    assert said.stdout == f"{link} {link}\n2 24\n3 1\n", said.stderr
    wait_for_none(slurm)


def wait_for_none(slurm: Slurm) -> None:
    end_s = time.monotonic() + LIMIT_S
    while slurm.jobs():
        assert time.monotonic() < end_s, slurm.log()
        time.sleep(0.2)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_no_job_is_left_when_it_is_interrupted_or_killed(
    number: signal.Signals, status: int, places: Places, slurm: Slurm, hpc_sif: Path
) -> None:
    words = places.words("slow", *places.prefix, "--site", "small", "--sif", hpc_sif)
    with subprocess.Popen(
        words, cwd=places.project, env=places.environ, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if line.startswith("slow: running"):
                break
        assert len(slurm.jobs()) == 2
        running.send_signal(number)
        running.communicate(timeout=LIMIT_S)
    assert running.returncode == status
    wait_for_none(slurm)
