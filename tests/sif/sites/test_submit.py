"""Where jobs are submitted on another machine: what runs inside of the SIF calls its queue by ssh."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.testbed.jupyter import Jupyter
from tests.testbed.sshd import run_sshd
from tests.testbed.users import run_as

from bindery.sif.sites import read_site, write_site_files

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.testbed.apptainer import Apptainer
    from tests.testbed.slurm import Slurm
    from tests.testbed.sshd import Sshd
    from tests.testbed.users import User

pytestmark = pytest.mark.testbed
LIMIT_S = 240.0
PAGE = Path(__file__).parents[3] / "docs/sites.md"
SITE = """\
scheduler: slurm
cores: 12
memory: 60GB
walltime: 00:10:00
interface: lo
scratch: $HOME/scratch
local_directory: /tmp
submit: ssh
submit_host: submit
singularity:
  command: {program}
"""
OPEN = """\
from dask_jobqueue import SLURMCluster
from distributed import Client
cluster = SLURMCluster()
client = Client(cluster)
print(cluster.dashboard_link)"""
SCALE = """\
status, scaling = cluster._widget().children
manual, adaptive = scaling.children[1].children
request, scale = manual.children
request.value = 2
scale.click()"""
ADAPT = """\
minimum, maximum, adapt = adaptive.children
minimum.value, maximum.value = 0, 100
adapt.click()"""


@pytest.fixture(scope="module")
def folder(hpc_sif: Path, apptainer: Apptainer) -> Path:
    """Return the folder of the site's files, which all users can read."""
    path = hpc_sif.parent / "elsewhere.yaml"
    path.write_text(SITE.format(program=apptainer.program), encoding="utf-8")
    written = hpc_sif.parent / "it's elsewhere"
    write_site_files(read_site(path, path.parent), hpc_sif, written)
    return written


def give_key(sshd: Sshd, user: User) -> str:
    """Let the user log in as itself, and return the ssh that does it."""
    keys = user.home / "keys"
    keys.mkdir()
    for name in ("client_key", "known_hosts"):
        shutil.copy(sshd.folder / name, keys / name)
    (keys / "config").write_text(sshd.config.read_text().replace(str(sshd.folder), str(keys)))
    for path in (keys, *keys.iterdir()):
        os.chown(path, user.uid, user.gid)
    return f"ssh -F {keys / 'config'}"


def wait_until(is_so: Callable[[], object], says: Callable[[], str]) -> None:
    end_s = time.monotonic() + LIMIT_S
    while not is_so():
        assert time.monotonic() < end_s, says()
        time.sleep(0.2)


def test_a_notebook_submits_its_workers_by_ssh(slurm: Slurm, folder: Path, tester: User) -> None:
    log = tester.home / "elsewhere.log"
    with run_sshd(tester, environ=slurm.environ) as sshd:
        options = [f"--output={log}", f"--export=ALL,BINDERY_SSH={give_key(sshd, tester)}"]
        slurm.run("sbatch", *options, folder / "jobs/jupyter.sh", user=tester)
        (own,) = slurm.jobs()

        def said() -> str:
            return log.read_text(encoding="utf-8") if log.is_file() else slurm.log()

        wait_until(lambda: "token=" in said(), said)
        found = re.search(r"(http://127\.0\.0\.1:\d+/)\S*token=(\S+)", said())
        assert found is not None
        jupyter = Jupyter(url=found[1], token=found[2])
        jupyter.wait()
        with jupyter.kernel() as kernel:

            def show(code: str) -> str:
                return jupyter.execute(kernel, f"print({code})").rstrip("\n")

            dashboard = jupyter.execute(kernel, OPEN).rstrip("\n")
            assert re.fullmatch(r"/proxy/\d+/status", dashboard)
            with jupyter.client() as client:
                page = client.get(dashboard)
            assert (page.status_code, re.findall("<title>(.*?)</title>", page.text, re.DOTALL)) == (
                200,
                ["Dask Diagnostic UI"],
            )
            with jupyter.client(with_token=False) as client:
                assert client.get(dashboard).status_code in {302, 403}

            jupyter.execute(kernel, SCALE)
            wait_until(lambda: show("len(client.nthreads())") == "2", lambda: f"{said()}\n{slurm.log()}")
            assert show("sum(client.nthreads().values())") == "24"
            wait_until(lambda: "24" in show("status.value"), lambda: show("status.value"))
            where = "client.run(lambda: __import__('os').environ['SLURM_JOB_ID']).values()"
            assert sorted(show(f"*{where}").split()) == sorted(set(slurm.jobs()) - {own})

            jupyter.execute(kernel, ADAPT)
            wait_until(lambda: show("len(client.nthreads())") == "0", slurm.log)
            assert show("client.submit(sum, [1, 2]).result(), len(client.nthreads())") == "3 1"
            jupyter.execute(kernel, "client.close()\ncluster.close()")
            wait_until(lambda: slurm.jobs() == [own], slurm.log)


def test_the_queue_is_found_by_wrappers_and_by_hand(
    folder: Path, apptainer: Apptainer, hpc_sif: Path, tester: User
) -> None:
    pattern = r"^(SINGULARITYENV_PREPEND_PATH=.*) singularity run (.*) pangeo\.sif$"
    found = re.search(pattern, PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    sif, asked = shlex.quote(str(hpc_sif)), "sh -c 'which sbatch squeue scancel; echo $DASK_ROOT_CONFIG'"
    script = f"""\
F=$1
"$F/libexec/run" {asked}
SINGULARITYENV_PREPEND_PATH=/opt/mine "$F/libexec/run" sh -c 'echo $PATH' | cut -d: -f1,2
"$F/bin/python" -c 'import shutil; print(shutil.which("sbatch"))'
{found[1]} singularity run {found[2]} {sif} {asked}
"""
    words = ["sh", "-c", script, "sh", folder]
    done = run_as(tester, words, env=apptainer.environ_of(tester), cwd=tester.home)
    commands = [f"{folder}/shims/{name}" for name in ("sbatch", "squeue", "scancel")]
    assert done.stdout.splitlines() == [
        *commands,
        f"{folder}/dask",
        f"{folder}/shims:/opt/mine",
        commands[0],
        *commands,
        f"{folder}/dask",
    ], done.stderr
