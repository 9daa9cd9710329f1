"""Clusters that a real Dask Gateway starts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.conftest import find_python
from tests.testbed.gateway import PACKAGES, PASSWORD, DaskGateway, gateway_python, run_gateway
from tests.testbed.hub import free_ports

from bindery.clusters import GatewayCluster, GatewayWorkers, begin_gateway_cluster
from bindery.core import BadInput, CheckFailed, ToolFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bindery.clusters import StartingCluster
    from bindery.core import Store

LIMIT_S = 120.0
CLIENT = """
import sys
from distributed import Client
client = Client()
sys.path.insert(0, {folder!r})
from data import beside
print(client.scheduler.address, sum(client.gather(client.map(beside.twice, range(24)))))
"""


def wait_until(is_so: Callable[[], object], gateway: DaskGateway) -> None:
    end_s = time.monotonic() + LIMIT_S
    while not is_so():
        assert time.monotonic() < end_s, gateway.log()
        time.sleep(0.1)


@pytest.fixture(scope="module")
def gateway(test_store: Store) -> Iterator[DaskGateway]:
    with run_gateway(gateway_python(test_store, find_python("3.11"))) as running:
        yield running
        wait_until(lambda: not running.clusters() and not running.processes(), running)


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder as lies beside a notebook."""
    folder = tmp_path_factory.mktemp("modules")
    (folder / "data").mkdir()
    (folder / "data" / "beside.py").write_text("def twice(x):\n    return 2 * x\n")
    return folder


def begin(  # noqa: PLR0913 - what a test may choose
    gateway: DaskGateway,
    environ: dict[str, str],
    folder: Path,
    *modules: Path,
    kind: str = "sound",
    password: str = PASSWORD,
    url: str = "",
    python: Path | None = None,
) -> StartingCluster[GatewayCluster]:
    asking = {**environ, **gateway.login(password), "DASK_GATEWAY__CLUSTER__OPTIONS": f"{{'kind': '{kind}'}}"}
    workers = GatewayWorkers(url=url or gateway.url, workers=1, environ=asking)
    return begin_gateway_cluster(
        python or gateway.python, environ, workers, lock_digest="", folder=folder, python_path=modules
    )


@pytest.fixture(scope="module")
def cluster(
    gateway: DaskGateway, base_environ: dict[str, str], modules: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayCluster]:
    with begin(gateway, base_environ, tmp_path_factory.mktemp("gateway") / "c", modules).finish() as running:
        yield running
    running.stop()
    assert running.name not in gateway.clusters()


def test_a_plain_client_finds_it_silently_and_is_counted(
    cluster: GatewayCluster, gateway: DaskGateway, base_environ: dict[str, str], modules: Path, tmp_path: Path
) -> None:
    environ = {**base_environ, **cluster.environ, "DASK_CLIENT_NAME": "client"}
    words = [gateway.python, "-c", CLIENT.format(folder=str(modules))]
    done = subprocess.run(words, env=environ, cwd=tmp_path, capture_output=True, text=True, check=False)
    address = f"gateway://{gateway.url.removeprefix('http://')}/{cluster.name}"
    assert (done.returncode, done.stderr, done.stdout) == (0, "", f"{address} 552\n")
    assert cluster.metrics("client").tasks_done == {"twice": 24}
    cluster.evict("client")
    assert cluster.address == address
    assert cluster.dashboard == f"{gateway.url}/clusters/{cluster.name}/status"
    assert cluster.description == f"1 worker of the gateway at {gateway.url}"


def test_only_the_user_can_read_what_lets_clients_in(cluster: GatewayCluster) -> None:
    files = {value for name, value in cluster.environ.items() if name.endswith(("FILE", "CERT", "KEY"))}
    assert len(files) == 2
    assert {Path(file).stat().st_mode & 0o777 for file in files} == {0o600}
    assert not any(PASSWORD in value for value in cluster.environ.values())


def test_it_grows_as_far_as_the_gateway_lets_it_and_adapts(cluster: GatewayCluster, gateway: DaskGateway) -> None:
    with pytest.raises(ToolFailed) as caught:
        cluster.scale(3)
    said = "Scale request of 3 workers would exceed resource limit of 2 workers. Scaling to 2 instead."
    assert str(caught.value) == f"{gateway.url}: the gateway gives less than was asked for: {said}"
    wait_until(lambda: sum("dask-worker" in line for line in gateway.processes()) >= 2, gateway)
    with pytest.raises(ToolFailed) as caught:
        cluster.scale(-1)
    said = "ValueError: Scale expects a non-negative integer, got -1"
    assert str(caught.value) == f"{gateway.url}: the gateway refuses: {said}"
    cluster.adapt(0, 1)
    wait_until(lambda: not any("dask-worker" in line for line in gateway.processes()), gateway)
    cluster.scale(1)
    wait_until(lambda: any("dask-worker" in line for line in gateway.processes()), gateway)


@pytest.mark.parametrize(("kind", "who"), [("other-scheduler", "scheduler"), ("other-worker", "worker")])
def test_what_is_not_as_the_client_is_refused_and_shut_down(
    gateway: DaskGateway, base_environ: dict[str, str], tmp_path: Path, kind: str, who: str
) -> None:
    before = set(gateway.clusters())
    with pytest.raises(CheckFailed) as caught:
        begin(gateway, base_environ, tmp_path / "c", kind=kind).finish()
    where, _, rest = str(caught.value).partition(": this ")
    assert where.startswith(who)
    assert where.endswith(f" at {gateway.url}")
    assert rest == (
        f"{who} is not what the client is:\n  one-more 1.5, the client has none\n  fix: start kernel, scheduler and "
        "workers from one lock: have the gateway run this environment's image"
    )
    assert set(gateway.clusters()) == before


def test_a_worker_that_comes_later_and_differs_is_refused(
    gateway: DaskGateway, base_environ: dict[str, str], modules: Path, tmp_path: Path
) -> None:
    with begin(gateway, base_environ, tmp_path / "c", modules, kind="changing").finish() as running:
        (gateway.folder / "changed").touch()
        running.scale(2)
        with pytest.raises(CheckFailed) as caught:
            wait_until(lambda: running.metrics("client") is None, gateway)
        assert ": this worker is not what the client is:\n  one-more 1.5, the client has none\n" in str(caught.value)
        # It takes no task: the other one computes them all.
        words = [gateway.python, "-c", CLIENT.format(folder=str(modules))]
        environ = {**base_environ, **running.environ}
        done = subprocess.run(words, env=environ, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.stdout == f"{running.address} 552\n", done.stderr


def test_a_cluster_that_fails_is_an_error(gateway: DaskGateway, base_environ: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(ToolFailed) as caught:
        begin(gateway, base_environ, tmp_path / "c", kind="broken").finish()
    where, _, rest = str(caught.value).partition(": the cluster")
    assert where.startswith(f"{gateway.url}, cluster ")
    assert rest == " has failed: the gateway's own log says why"


def test_a_gateway_that_refuses_or_is_not_there_is_an_error(
    gateway: DaskGateway, base_environ: dict[str, str], tmp_path: Path
) -> None:
    with pytest.raises(ToolFailed) as caught:
        begin(gateway, base_environ, tmp_path / "1", password=PASSWORD[1:]).finish()
    assert str(caught.value) == (
        f"{gateway.url}: the gateway starts no cluster: ClientResponseError: 401, message='Unauthorized', "
        f"url='{gateway.url}/api/v1/clusters/'"
    )
    nobody = f"http://127.0.0.1:{free_ports(1)[0]}"
    starting = begin(gateway, base_environ, tmp_path / "2", url=nobody)
    with pytest.raises(ToolFailed) as caught:
        starting.finish()
    assert str(caught.value).startswith(
        f"{nobody}: the gateway starts no cluster: ClientConnectorError: Cannot connect"
    )
    (tmp_path / "2" / "cluster").write_text("abc")
    with pytest.raises(ToolFailed) as caught:
        starting.stop()
    assert str(caught.value).startswith(f"the gateway at {nobody}: a cluster may be left: shut: ClientConnectorError: ")
    assert str(caught.value).endswith(f"\n  fix: shut it down: dask_gateway.Gateway({nobody!r}).stop_cluster('abc')")


def test_without_dask_gateway_it_says_so(
    gateway: DaskGateway, test_store: Store, base_environ: dict[str, str], tmp_path: Path
) -> None:
    packages = tuple(one for one in PACKAGES if one.startswith(("dask==", "distributed==")))
    python = gateway_python(test_store, find_python("3.11"), packages)
    with pytest.raises(BadInput) as caught:
        begin(gateway, base_environ, tmp_path / "c", python=python).finish()
    assert str(caught.value) == (
        f"{python}: there is no dask-gateway in this environment, and its cluster is to be a gateway's\n"
        "  fix: add dask-gateway to the environment: bindery lock ENVIRONMENT --add dask-gateway"
    )


def test_authentication_that_cannot_be_set_up_is_an_error(
    gateway: DaskGateway, base_environ: dict[str, str], tmp_path: Path
) -> None:
    asking = {**base_environ, "DASK_GATEWAY__AUTH__TYPE": "jupyterhub"}
    workers = GatewayWorkers(url=gateway.url, workers=1, environ=asking)
    with pytest.raises(BadInput) as caught:
        begin_gateway_cluster(gateway.python, base_environ, workers, lock_digest="", folder=tmp_path / "c").finish()
    assert str(caught.value) == (
        f"{gateway.url}: dask-gateway cannot be set up: No JupyterHub API token provided, and JUPYTERHUB_API_TOKEN "
        "environment variable not found"
    )


def write_project(folder: Path) -> Path:
    (folder / "notebooks").mkdir()
    (folder / "bindery.toml").write_text("")
    sources = (
        "from distributed import Client\nclient = Client()",
        "import os\nprint(client.submit(sum, [1, 2]).result(), [one for one in os.environ if 'GATEWAY' in one])",
    )
    cells = [
        {
            "cell_type": "code",
            "execution_count": number + 1,
            "id": f"c{number}",
            "metadata": {},
            "outputs": [],
            "source": source,
        }
        for number, source in enumerate(sources)
    ]
    cells[1]["outputs"] = [{"name": "stdout", "output_type": "stream", "text": "3 []\n"}]
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    text = json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5})
    (folder / "notebooks" / "adds.ipynb").write_text(text)
    return folder


def start_bindery(project: Path, gateway: DaskGateway) -> subprocess.Popen[str]:
    place = ["--gateway", gateway.url, "--workers", "1", "--prefix", str(gateway.python.parent.parent)]
    return subprocess.Popen(
        [sys.executable, "-m", "bindery", "test", "adds", *place],
        cwd=project,
        env={**os.environ, **gateway.environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_notebook_is_computed_there_and_no_secret_is_told(gateway: DaskGateway, tmp_path: Path) -> None:
    before = set(gateway.clusters())
    process = start_bindery(write_project(tmp_path), gateway)
    stdout, stderr = process.communicate(timeout=LIMIT_S)
    assert (process.returncode, stdout) == (0, "report/index.html\n"), stderr
    assert f"cluster: 1 worker of the gateway at {gateway.url}, dashboard {gateway.url}/clusters/" in stderr
    assert set(gateway.clusters()) == before
    told = [stderr, *(path.read_text() for path in (tmp_path / "report").rglob("*") if path.is_file())]
    assert not any(PASSWORD in text for text in told)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_at_the_gateway_when_bindery_ends_early(
    gateway: DaskGateway, tmp_path: Path, number: signal.Signals
) -> None:
    before = set(gateway.clusters())
    process = start_bindery(write_project(tmp_path), gateway)
    wait_until(lambda: set(gateway.clusters()) - before, gateway)
    process.send_signal(number)
    process.communicate(timeout=LIMIT_S)
    wait_until(lambda: set(gateway.clusters()) == before, gateway)


def test_bindery_shuts_down_what_its_killed_process_has_left(
    gateway: DaskGateway, base_environ: dict[str, str], tmp_path: Path
) -> None:
    before = set(gateway.clusters())
    starting = begin(gateway, base_environ, tmp_path / "c")
    with starting.finish() as running:
        assert set(gateway.clusters()) - before == {running.name}
        os.kill(running.pid, signal.SIGKILL)
    assert set(gateway.clusters()) == before
