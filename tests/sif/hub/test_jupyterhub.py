"""A stock JupyterHub with binder/hpc/jupyterhub_config.py starts SIFs through the batch queue."""

from __future__ import annotations

import re
import shutil
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.conftest import ROOT
from tests.testbed.hub import (
    TOKEN,
    Hub,
    ensure_hub,
    ensure_proxy,
    free_ports,
    hub_settings,
    running_hub,
    write_settings,
)
from tests.testbed.jupyter import Jupyter

from bindery.sif.sites import read_site, write_site_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tests.testbed.apptainer import Apptainer
    from tests.testbed.pbs import Pbs
    from tests.testbed.slurm import Slurm
    from tests.testbed.users import User

    from bindery.core import Store

pytestmark = pytest.mark.testbed
LIMIT_S = 60.0
SITE = """\
scheduler: {scheduler}
cores: 2
memory: 2GB
walltime: 00:10:00
scratch: {scratch}
local_directory: /tmp
singularity:
  command: {program}
"""
PLACE = """
import os
from pathlib import Path
jobs = [os.environ[name] for name in ("SLURM_JOB_ID", "PBS_JOBID") if name in os.environ]
print(os.getuid(), *jobs, os.environ["APPTAINER_CONTAINER"], Path.cwd(), sep="\\n")
"""


DASHBOARD = """
from dask.distributed import LocalCluster
cluster = LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0")
print(f"proxy/{cluster.scheduler.services['dashboard'].port}/status")
"""


@pytest.fixture(scope="module")
def releases(hpc_sif: Path, apptainer: Apptainer, tester: User) -> Callable[[str], Path]:
    """Return a function that writes a site's folder with one release, which the user may read."""

    def write(scheduler: str) -> Path:
        folder = apptainer.folder / "releases" / scheduler
        if folder.exists():
            return folder
        folder.mkdir(parents=True)
        site = folder / f"{scheduler}.yaml"
        values = {"scheduler": scheduler, "scratch": tester.home / "scratch", "program": apptainer.program}
        site.write_text(SITE.format(**values), encoding="utf-8")
        write_site_files(read_site(site, ROOT), hpc_sif, folder / "hpc")
        return folder

    return write


@contextmanager
def run(
    folder: Path, store: Store, releases: Path, environ: dict[str, str], ports: Sequence[int] = ()
) -> Iterator[Hub]:
    """Run a hub as it is documented, but that anybody may log in, and that it is root who submits for others."""
    python = ensure_hub(store, 6, "batchspawner==1.3.*", "wrapspawner==1.0.*")
    ports = ports or free_ports(3)
    settings = {
        **hub_settings(ensure_proxy(store), ports, "127.0.0.1"),
        "JupyterHub.db_url": f"sqlite:///{folder}/jupyterhub.sqlite",
        "JupyterHub.cleanup_servers": False,
        "BatchSpawnerBase.exec_prefix": "runuser -u {username} --",
        # The nodes of the tests have names that lead nowhere.
        "SlurmSpawner.state_exechost_exp": "127.0.0.1",
    }
    config = f"load_subconfig({str(ROOT / 'binder/hpc/jupyterhub_config.py')!r})\n{write_settings(settings)}"
    proxies = {"no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1"}
    with running_hub(python, folder, config, {**environ, **proxies, "BINDERY_RELEASES": str(releases)}) as hub:
        yield hub


def stop(hub: Hub, user: User) -> None:
    with hub.client() as client:
        assert client.delete(f"hub/api/users/{user.name}/server").status_code in {202, 204}


def test_a_release_runs_as_a_job_of_slurm_and_outlives_the_hub(
    slurm: Slurm, releases: Callable[[str], Path], tester: User, test_store: Store, hpc_sif: Path, tmp_path: Path
) -> None:
    place = releases("slurm")
    (name,) = [one.name for one in (place / "hpc" / "modulefiles" / "hpc").iterdir() if one.suffix != ".lua"]
    ports = free_ports(3)
    with run(tmp_path, test_store, place, slurm.environ, ports) as hub:
        jupyter = Jupyter(url=hub.start_server(tester.name, {"profile": f"hpc/{name}/slurm"}), token=TOKEN)
        (job,) = slurm.jobs()
        with jupyter.kernel() as kernel, jupyter.client() as client:
            said = jupyter.execute(kernel, PLACE).splitlines()
            dashboard = client.get(jupyter.execute(kernel, DASHBOARD).rstrip("\n"))
        assert said == [str(tester.uid), job, str(hpc_sif), str(tester.home)]
        assert (dashboard.status_code, "Dask" in dashboard.text) == (200, True)
        asked = slurm.run("squeue", "--noheader", "--format=%j %u %C %m %l").split()
        assert asked == ["jupyterhub", tester.name, "2", "2G", "10:00"]
    # The hub is killed and starts again, and by now the release is no longer offered.
    with run(tmp_path, test_store, tmp_path / "none", slurm.environ, ports) as hub:
        jupyter.wait()
        assert slurm.jobs() == [job]
        stop(hub, tester)
        end_s = time.monotonic() + LIMIT_S
        while slurm.jobs():
            assert time.monotonic() < end_s, hub.log()
            time.sleep(0.1)


def test_a_release_runs_as_a_job_of_pbs(
    pbs: Pbs, releases: Callable[[str], Path], tester: User, test_store: Store, hpc_sif: Path, tmp_path: Path
) -> None:
    with run(tmp_path, test_store, releases("pbs"), pbs.environ) as hub:
        # There is one release: nobody has to choose.
        jupyter = Jupyter(url=hub.start_server(tester.name), token=TOKEN)
        (job,) = pbs.jobs()
        with jupyter.kernel() as kernel:
            said = jupyter.execute(kernel, PLACE).splitlines()
        assert said == [str(tester.uid), job, str(hpc_sif), str(tester.home)]
        stop(hub, tester)
        end_s = time.monotonic() + LIMIT_S
        while pbs.jobs():
            assert time.monotonic() < end_s, hub.log()
            time.sleep(0.1)


def test_releases_are_offered_as_they_come_and_nothing_else_is_started(
    slurm: Slurm, releases: Callable[[str], Path], tester: User, test_store: Store, tmp_path: Path
) -> None:
    place = tmp_path / "releases"
    shutil.copytree(releases("slurm") / "hpc", place / "hpc" / "first", symlinks=True)
    rename(place / "hpc" / "first", "2026.9.30")
    with run(tmp_path, test_store, place, slurm.environ) as hub:
        with httpx.Client(base_url=hub.url, follow_redirects=True, timeout=60) as client:
            client.get("hub/login")
            form = {"username": tester.name, "password": "", "_xsrf": client.cookies["_xsrf"]}
            client.post("hub/login", data=form)
            assert offered(client) == ["hpc 2026.9.30 (slurm)"]
            for version in ("2026.11.22", "2026.11.22-1"):
                shutil.copytree(place / "hpc" / "first", place / "hpc" / version, symlinks=True)
                rename(place / "hpc" / version, version)
            newest_first = ("2026.11.22-1", "2026.11.22", "2026.9.30")
            assert offered(client) == [f"hpc {version} (slurm)" for version in newest_first]
        for options in ({}, {"profile": "nothing"}, {"profile": "hpc/2026.9.30/slurm", "cmd": "sleep 1000"}):
            with hub.client() as client:
                refused = client.post(f"hub/api/users/{tester.name}/server", json=options)
            assert refused.status_code == 400
            known = "hpc/2026.11.22-1/slurm, hpc/2026.11.22/slurm, hpc/2026.9.30/slurm"
            assert refused.json()["message"] == f"choose a release, and nothing else: {known}"
        assert slurm.jobs() == []


def rename(folder: Path, version: str) -> None:
    """Make the release of the folder another version."""
    for file in (folder / "modulefiles" / "hpc").iterdir():
        file.rename(file.with_name(version + (".lua" if file.suffix == ".lua" else "")))


def offered(client: httpx.Client) -> list[str]:
    """Return the releases of the form, as people see them."""
    page = client.get("hub/spawn")
    assert page.status_code == 200, page.text
    return re.findall(r'<option value="hpc/[^"]*" *(?:selected)?>([^<]+)</option>', page.text)
