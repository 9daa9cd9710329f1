"""The apps of a SIF, as somebody on a node starts them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import nbformat
import pytest
from tests.conftest import ROOT
from tests.testbed.jupyter import Jupyter

from bindery.notebooks import Outcome
from bindery.notebooks.compare import compare_notebook

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.testbed.apptainer import Apptainer
    from tests.testbed.users import User

pytestmark = pytest.mark.testbed

LIMIT_S = 120


@pytest.fixture
def work(tester: User) -> Iterator[Path]:
    """Return a folder of the user's own."""
    with tempfile.TemporaryDirectory(dir=tester.home, ignore_cleanup_errors=True) as made:
        shutil.chown(made, tester.uid, tester.gid)
        yield Path(made)


@contextmanager
def started(apptainer: Apptainer, user: User, words: list[str | Path], **env: str) -> Iterator[subprocess.Popen[str]]:
    """Yield a process of the user's, which is ended with the context; what it writes can be read."""
    changes = user.uid != os.geteuid()
    with subprocess.Popen(
        [apptainer.program, *words],
        env={**apptainer.environ_of(user), **env},
        cwd=user.home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        user=user.uid if changes else None,
        group=user.gid if changes else None,
        extra_groups=[] if changes else None,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.wait(LIMIT_S)


def test_run_starts_jupyterlab_for_its_user_alone(
    apptainer: Apptainer, hpc_sif: Path, tester: User, work: Path
) -> None:
    node = work / "node"
    node.mkdir()
    shutil.chown(node, tester.uid, tester.gid)
    said = {"TMPDIR": str(node), "BINDERY_LOGIN_HOST": "login.site.org", "HOSTNAME": "x"}
    with started(apptainer, tester, ["run", hpc_sif], **said) as process:
        assert process.stdout is not None
        answers, tunnel, opened = (process.stdout.readline().strip() for _ in range(3))
        url = urlsplit(opened.removeprefix("then open:").strip())
        assert answers.startswith("JupyterLab answers on ")
        assert answers.endswith(f", port {url.port}.")
        place = answers.removeprefix("JupyterLab answers on ").partition(",")[0]
        assert tunnel == (
            f"on your computer: ssh -N -L {url.port}:127.0.0.1:{url.port}"
            f" -J {tester.name}@login.site.org {tester.name}@{place}"
        )
        (token,) = parse_qs(url.query)["token"]
        assert len(token) >= 32
        jupyter = Jupyter(url=f"http://127.0.0.1:{url.port}/", token=token)
        jupyter.wait()
        with jupyter.client(with_token=False) as stranger:
            assert stranger.get("api/contents").status_code == 403
        with jupyter.client() as client:
            assert client.get("lab").status_code == 200
        with jupyter.kernel() as kernel:
            assert jupyter.execute(kernel, CLUSTER) == "45 /proxy/8787/status True\n"
            with jupyter.client() as client:
                assert client.post("api/terminals").status_code == 200
            # Not a login shell, and none that reads the home's settings.
            assert jupyter.execute(kernel, TERMINALS) == "[['/bin/bash', '--rcfile', '/etc/bash.bashrc']]\n"
        # What has the token is for the user's eyes.
        (runtime,) = node.glob("jupyter-*")
        assert runtime.stat().st_mode & 0o777 == 0o700
        process.send_signal(signal.SIGTERM)
        assert process.wait(LIMIT_S) == 0
    assert list(node.glob("jupyter-*")) == []


TERMINALS = """
import contextlib, os, pathlib, time
def terminals():
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has ended by now
            words = path.read_text().split(chr(0))[:-1]
            if path.stat().st_uid == os.getuid() and "--rcfile" in words:
                found.append(words)
    return found
for _ in range(600):
    if terminals():
        break
    time.sleep(0.1)
print(terminals())
"""
CLUSTER = """
import os
from dask.distributed import Client, LocalCluster
cluster = LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0")
with cluster, Client(cluster) as client:
    port = str(cluster.scheduler.services["dashboard"].port)
    folder = client.submit(os.getcwd).result()
    print(client.submit(sum, range(10)).result(), client.dashboard_link.replace(port, "8787"), folder == os.getcwd())
"""


def test_words_for_jupyterlab_and_commands_are_told_apart(apptainer: Apptainer, hpc_sif: Path, tester: User) -> None:
    assert apptainer.run("run", hpc_sif, "--version", user=tester).stdout.startswith("4.")
    assert apptainer.run("run", hpc_sif, "echo", "-e", "a", user=tester).stdout == "a\n"
    ended = apptainer.run("run", hpc_sif, "sh", "-c", "exit 5", user=tester, check=False)
    assert ended.returncode == 5
    failed = apptainer.run("run", hpc_sif, "--no-such-option=1", "--help", user=tester, check=False)
    assert "jupyter lab" in failed.stdout


def test_the_app_notebook_gives_the_same_outputs_as_a_cluster_of_the_host(
    apptainer: Apptainer, hpc_sif: Path, tester: User, work: Path
) -> None:
    for name in ("data", "weekly-mean.ipynb"):
        source = ROOT / "notebooks" / name
        copy = shutil.copytree if source.is_dir() else shutil.copyfile
        copy(source, work / name)
    words: list[str | Path] = [
        "run",
        "--app",
        "notebook",
        hpc_sif,
        "weekly-mean.ipynb",
        "-p",
        "partitions",
        "8",
        "-o",
        "out.ipynb",
    ]
    # The reference was made beside a LocalCluster, in a prefix.
    apptainer.run(*words, user=tester, cwd=work, env={"DASK_DISTRIBUTED__WORKER__DAEMON": "true"})
    reference = nbformat.read(ROOT / "notebooks/weekly-mean.ipynb", as_version=4)  # type: ignore[no-untyped-call]
    executed = nbformat.read(work / "out.ipynb", as_version=4)  # type: ignore[no-untyped-call]
    cells = compare_notebook(reference, executed)
    assert [(one.outcome, one.message) for one in cells if one.outcome is not Outcome.PASSED] == []
    assert sum(one.compared for one in cells) > 3


def test_an_environment_without_papermill_says_so(apptainer: Apptainer, hpc_sif: Path, tester: User) -> None:
    hidden = ("--bind", "/dev/null:/srv/conda/envs/notebook/bin/papermill")
    done = apptainer.run("run", *hidden, "--app", "notebook", hpc_sif, "x.ipynb", user=tester, check=False)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.endswith(
        "the environment hpc has no papermill, which executes notebooks\n  fix: add it and lock again\n"
    )


def test_the_app_worker_joins_a_scheduler_and_spills_on_its_node(
    apptainer: Apptainer, hpc_sif: Path, tester: User, work: Path
) -> None:
    node = work / "node"
    node.mkdir()
    shutil.chown(node, tester.uid, tester.gid)
    (work / "schedule.py").write_text(SCHEDULE, encoding="utf-8")
    with started(apptainer, tester, ["exec", hpc_sif, "python", work / "schedule.py"]) as scheduler:
        assert scheduler.stdout is not None
        address = scheduler.stdout.readline().strip()
        words: list[str | Path] = ["run", "--app", "worker", hpc_sif, address, "--nthreads", "3", "--name", "it"]
        with started(apptainer, tester, words, TMPDIR=str(node), PYTHONPATH="/opt"):
            found = json.loads(scheduler.stdout.readline())
    assert found["name"] == "it"
    assert found["nthreads"] == 3
    assert Path(found["local_directory"]).is_relative_to(node)
    assert found["prefix"] == "/srv/conda/envs/notebook"


SCHEDULE = """
import json, sys
from dask.distributed import Client, LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=0, dashboard_address=None, host="127.0.0.1") as cluster, Client(cluster) as client:
        print(cluster.scheduler_address, flush=True)
        client.wait_for_workers(1)
        (worker,) = client.scheduler_info(n_workers=-1)["workers"].values()
        found = {key: worker[key] for key in ("name", "nthreads", "local_directory")}
        print(json.dumps({**found, "prefix": client.submit(lambda: sys.prefix).result()}), flush=True)
"""
