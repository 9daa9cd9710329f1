from __future__ import annotations

import os
import re
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bindery.clusters import ClusterSize, LocalCluster, start_cluster
from bindery.clusters.local import _choose_method
from bindery.core import ToolFailed

if TYPE_CHECKING:
    from tests.clusters.conftest import RunClient

SUM = """
import dask, dask.array
from distributed import Client
client = Client()
ones = dask.array.ones((40, 40), chunks=(10, 10))
print(ones.sum().compute())
"""
COUNT_S = 30.0


def group_members(leader: int) -> list[int]:
    """Return the processes of the group, from /proc."""
    members = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == leader and fields[0] != "Z":
            members.append(int(path.parent.name))
    return members


def wait_until_gone(leader: int) -> list[int]:
    give_up_s = time.monotonic() + COUNT_S
    while (left := group_members(leader)) and time.monotonic() < give_up_s:
        time.sleep(0.05)
    return left


def test_a_bare_client_finds_the_cluster_and_is_counted(cluster: LocalCluster, run_client: RunClient) -> None:
    finished = run_client(SUM, {**cluster.environ, "DASK_CLIENT_NAME": "gmet-ensemble"})
    assert (finished.stdout, finished.stderr) == ("1600.0\n", "")
    metrics = cluster.metrics("gmet-ensemble")
    assert metrics.graphs == 1
    assert metrics.tasks_done["sum"] == 16
    assert metrics.tasks_submitted == sum(metrics.tasks_done.values())
    assert metrics.tasks_failed == 0
    assert metrics.output_bytes == sum(metrics.output_bytes_by_prefix.values()) > 0
    assert {span.worker for span in metrics.spans} <= {"0", "1"}
    assert {span.thread for span in metrics.spans} == {0}
    assert sum(span.action == "compute" for span in metrics.spans) == metrics.tasks_submitted
    assert all(span.start_s <= span.stop_s for span in metrics.spans)
    assert metrics.peak_memory_bytes == max(sample.used_bytes for sample in metrics.memory) > 10_000_000


def test_counts_are_the_same_every_time_and_apart_by_client(cluster: LocalCluster, run_client: RunClient) -> None:
    code = SUM.replace("ones((40", "full_like(dask.array.ones((40").replace("chunks=(10, 10))", "chunks=(10, 10)), 2)")
    for name in ("first", "second"):
        assert run_client(code, {**cluster.environ, "DASK_CLIENT_NAME": name}).stdout == "3200.0\n"
    first, second = cluster.metrics("first"), cluster.metrics("second")
    for field in ("graphs", "tasks_submitted", "tasks_done", "output_bytes", "output_bytes_by_prefix"):
        assert getattr(first, field) == getattr(second, field)


def test_a_client_that_never_came_has_zeros(cluster: LocalCluster) -> None:
    metrics = cluster.metrics("nobody")
    assert (metrics.graphs, metrics.tasks_submitted, metrics.tasks_done, metrics.spans) == (0, 0, {}, ())


def test_failed_tasks_are_counted(cluster: LocalCluster, run_client: RunClient) -> None:
    code = "from distributed import Client\nClient().submit(lambda: 1 / 0).exception()"
    assert run_client(code, {**cluster.environ, "DASK_CLIENT_NAME": "fails"}).returncode == 0
    assert cluster.metrics("fails").tasks_failed == 1


def test_a_client_without_the_certificate_is_refused(cluster: LocalCluster, run_client: RunClient) -> None:
    code = "from distributed import Client\nClient(timeout=5)"
    finished = run_client(code, {"DASK_SCHEDULER_ADDRESS": cluster.address})
    assert finished.returncode == 1
    assert "TLS expects a `ssl_context` argument" in finished.stderr


def test_a_client_with_a_certificate_of_its_own_making_is_refused(cluster: LocalCluster, run_client: RunClient) -> None:
    code = "from distributed import Client, Security\nClient(security=Security.temporary(), timeout=5)"
    finished = run_client(code, {"DASK_SCHEDULER_ADDRESS": cluster.address})
    assert finished.returncode == 1
    assert "CERTIFICATE_VERIFY_FAILED" in finished.stderr or "Timed out trying to connect" in finished.stderr


def test_workers_import_what_lies_beside_the_notebook(cluster: LocalCluster, run_client: RunClient) -> None:
    code = """
import sys
from distributed import Client
client = Client()
print(client.submit(lambda: __import__("beside_the_notebook").twice(21)).result())
"""
    assert run_client(code, cluster.environ).stdout == "42\n"


def test_workers_have_the_threads_that_the_environment_sets(cluster: LocalCluster, run_client: RunClient) -> None:
    code = """
from distributed import Client
print(Client().submit(lambda: __import__("os").environ["OMP_NUM_THREADS"]).result())
"""
    assert run_client(code, cluster.environ).stdout == "3\n"


def test_everything_listens_on_loopback_only(cluster: LocalCluster) -> None:
    inodes = set()
    for pid in group_members(cluster.pid):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            inodes.add(str(link.readlink()))
    listening = []
    for line in (
        Path("/proc/net/tcp").read_text().splitlines()[1:] + Path("/proc/net/tcp6").read_text().splitlines()[1:]
    ):
        fields = line.split()
        if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
            listening.append(fields[1].partition(":")[0])
    assert len(listening) >= 4  # scheduler, dashboard, two workers
    assert set(listening) == {"0100007F"}


def test_its_files_are_for_its_user_only(cluster: LocalCluster) -> None:
    folder = Path(cluster.environ["DASK_DISTRIBUTED__COMM__TLS__CA_FILE"]).parent
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, folder.parent)] == [0o700, 0o700]


def test_it_says_what_it_is(cluster: LocalCluster) -> None:
    assert cluster.description == "2 workers, 1 thread each, 1GiB each, on this machine"
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/status", cluster.dashboard or "")


def test_work_that_a_killed_client_left_on_a_worker_is_ended(
    cluster: LocalCluster, environment_python: Path, base_environ: dict[str, str], run_client: RunClient
) -> None:
    code = """
import time
from distributed import Client
client = Client()
stuck = client.map(time.sleep, [1000, 1001])
while len([1 for keys in client.processing().values() for _ in keys]) < 2:
    time.sleep(0.1)
time.sleep(1)
print("stuck", flush=True)
time.sleep(1000)
"""
    environ = {**base_environ, **cluster.environ, "DASK_CLIENT_NAME": "hangs"}
    words = [str(environment_python), "-c", code]
    with subprocess.Popen(words, env=environ, stdout=subprocess.PIPE) as hanging:
        assert hanging.stdout is not None
        assert hanging.stdout.readline() == b"stuck\n"
        hanging.kill()
    cluster.evict("hangs")
    # Both workers had one thread, and it was taken: without the restart this would wait for a quarter of an hour.
    assert run_client(SUM, cluster.environ).stdout == "1600.0\n"


def test_it_grows_and_shrinks(cluster: LocalCluster, run_client: RunClient) -> None:
    code = "from distributed import Client\nclient = Client()\nclient.wait_for_workers({n}, timeout=90)\nprint('there')"
    cluster.scale(3)
    assert run_client(code.format(n=3), cluster.environ).stdout == "there\n"
    cluster.adapt(1, 2)
    cluster.scale(2)


def test_stop_leaves_no_process_and_a_taken_port_does_not_matter(
    environment_python: Path, base_environ: dict[str, str], tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:  # dask's own default, 8787, may be free or taken
        assert taken.getsockname()[1]
        size = ClusterSize(workers=1, memory_per_worker="512MiB")
        with start_cluster(environment_python, base_environ, size=size, folder=tmp_path / "c") as cluster:
            assert len(group_members(cluster.pid)) >= 2
            assert cluster.description == "1 worker, 1 thread each, 512MiB each, on this machine"
    assert wait_until_gone(cluster.pid) == []
    cluster.stop()


@pytest.mark.parametrize("folder", ["t", "a-folder-with-a-long-name/" * 5], ids=["short", "long"])
def test_workers_come_up_whatever_the_length_of_the_temporary_folder(
    environment_python: Path, base_environ: dict[str, str], tmp_path: Path, folder: str
) -> None:
    temporary = tmp_path / folder
    temporary.mkdir(parents=True)
    environ = {**base_environ, "TMPDIR": str(temporary)}
    with start_cluster(environment_python, environ, size=ClusterSize(), folder=tmp_path / "c", limit_s=60) as cluster:
        assert cluster.description.startswith("2 workers")


def test_workers_are_forked_where_a_socket_has_room() -> None:
    methods = [_choose_method(environ) for environ in ({}, {"TMPDIR": "/scratch"}, {"TMPDIR": f"/{'x' * 70}"})]
    assert methods == ["forkserver", "forkserver", "spawn"]


def test_workers_that_do_not_come_up_in_time_are_an_error(
    environment_python: Path, base_environ: dict[str, str], tmp_path: Path
) -> None:
    with pytest.raises(ToolFailed) as caught:
        start_cluster(environment_python, base_environ, size=ClusterSize(), folder=tmp_path / "c", limit_s=0.01)
    assert str(caught.value) == f"the cluster's process ({environment_python}): start took longer than 0.01 s"


def test_an_environment_without_dask_is_an_error_that_shows_why(base_environ: dict[str, str], tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$4"\n'.replace("$4", "$3"))
    python.chmod(0o755)
    with pytest.raises(ToolFailed) as caught:
        start_cluster(python, base_environ, size=ClusterSize(), folder=tmp_path / "c")
    first, *_, last = str(caught.value).splitlines()
    assert first == f"the cluster's process ({python}): start: it ended with status 1"
    assert last == "  | ModuleNotFoundError: No module named 'distributed'"


def test_a_size_that_dask_refuses_is_an_error(
    environment_python: Path, base_environ: dict[str, str], tmp_path: Path
) -> None:
    size = ClusterSize(workers=1, memory_per_worker="2 elephants")
    with pytest.raises(ToolFailed) as caught:
        start_cluster(environment_python, base_environ, size=size, folder=tmp_path / "c")
    first = str(caught.value).splitlines()[0]
    assert first.startswith(f"the cluster's process ({environment_python}): start: ")
    assert "elephants" in first


def test_an_interpreter_that_is_not_there_is_an_error(base_environ: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(ToolFailed) as caught:
        start_cluster(tmp_path / "no-python", base_environ, size=ClusterSize(), folder=tmp_path / "c")
    assert "cannot be started: No such file or directory" in str(caught.value)


def test_a_scheduler_that_was_killed_is_an_error_and_takes_its_workers_along(
    environment_python: Path, base_environ: dict[str, str], tmp_path: Path
) -> None:
    size = ClusterSize(workers=1, memory_per_worker="512MiB")
    with start_cluster(environment_python, base_environ, size=size, folder=tmp_path / "c") as cluster:
        os.kill(cluster.pid, 9)
        with pytest.raises(ToolFailed) as caught:
            cluster.metrics("any")
        assert str(caught.value).splitlines()[0].endswith("metrics: it ended with status -9")
    assert wait_until_gone(cluster.pid) == []


def test_nothing_survives_whoever_started_it(
    environment_python: Path, base_environ: dict[str, str], tmp_path: Path
) -> None:
    code = f"""
import pathlib, sys, time
from bindery.clusters import ClusterSize, start_cluster
size = ClusterSize(workers=1, memory_per_worker="512MiB")
cluster = start_cluster(pathlib.Path({str(environment_python)!r}), {base_environ!r}, size=size,
                        folder=pathlib.Path({str(tmp_path / "c")!r}))
print(cluster.pid, flush=True)
time.sleep(1000)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as starter:
        assert starter.stdout is not None
        leader = int(starter.stdout.readline())
        assert len(group_members(leader)) >= 2
        starter.kill()
    assert wait_until_gone(leader) == []
