"""A real image in real containers: its server answers, and everything in it sees the same environment."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.testbed.jupyter import Jupyter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.testbed.engine import Engine

pytestmark = pytest.mark.testbed

TOKEN = "of-a-container"  # noqa: S105 - of servers that live for one test
PREFIX = "/srv/conda/envs/notebook"
CLUSTER = """
import json, os
from dask.distributed import Client, LocalCluster
cluster = LocalCluster(n_workers=1, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:8787")
client = Client(cluster)
(worker,) = client.run(lambda: dict(os.environ)).values()
print(json.dumps({"kernel": dict(os.environ), "worker": worker, "link": client.dashboard_link}))
"""
# A module in the user's own folder that must never be found.
SHADOW = (
    "mkdir -p ~/.local/lib/python3.{8..15}/site-packages && for f in ~/.local/lib/*/*; do echo 1/0 > $f/dask.py; done"
)


@pytest.fixture(scope="module", params=[1000, 4242])
def server(request: pytest.FixtureRequest, docker_engine: Engine, real_image: str) -> Iterator[tuple[str, Jupyter]]:
    """Return a container's name and its server: a read-only image, an empty volume over HOME, as that user."""
    name = f"server-{request.param}"
    words = ["run", "--detach", "--name", name, "--user", str(request.param), "--read-only", "--tmpfs", "/tmp"]  # noqa: S108
    volume = ["--mount", f"type=volume,source={name},target=/home/jovyan"]
    docker_engine.run(*words, *volume, "--env", f"JUPYTER_TOKEN={TOKEN}", real_image)
    jupyter = Jupyter(url=f"http://{docker_engine.address(name)}:8888/", token=TOKEN)
    try:
        jupyter.wait()
        yield name, jupyter
    finally:
        docker_engine.run("rm", "--force", name)
        docker_engine.run("volume", "rm", "--force", name)


@pytest.fixture
def named(docker_engine: Engine, real_image: str) -> dict[str, str]:
    """Return the variables that the image's configuration sets."""
    found = docker_engine.run("image", "inspect", "--format", "{{json .Config.Env}}", real_image).stdout
    return dict(one.split("=", 1) for one in json.loads(found))


def test_a_server_lets_in_who_has_the_token(server: tuple[str, Jupyter]) -> None:
    with server[1].client(with_token=False) as stranger:
        assert stranger.get("api/contents/answer.ipynb").status_code == 403
    with server[1].client() as client:
        assert client.get("api/contents/answer.ipynb").json()["type"] == "notebook"
        assert client.get("lab").status_code == 200


def test_a_server_executes_a_notebook(server: tuple[str, Jupyter]) -> None:
    assert server[1].execute_notebook("answer.ipynb") == ["", "42 by start\n"]


def test_entrypoint_exec_kernel_and_worker_have_the_same_variables(
    server: tuple[str, Jupyter], docker_engine: Engine, real_image: str, named: dict[str, str]
) -> None:
    name, jupyter = server
    with jupyter.kernel() as kernel:
        places = json.loads(jupyter.execute(kernel, CLUSTER))
        with jupyter.client() as client:
            assert places["link"] == "/proxy/8787/status"
            dashboard = client.get("proxy/8787/status")
            assert (dashboard.status_code, "Dask" in dashboard.text) == (200, True)
    script = "import json, os; print(json.dumps(dict(os.environ)))"
    exec_ = json.loads(docker_engine.run("exec", name, "python", "-c", script).stdout)
    started = json.loads(docker_engine.run("run", "--rm", real_image, "python", "-c", script).stdout)
    assert started["STARTED"] == places["kernel"]["STARTED"] == "by start"
    if not name.endswith("1000"):
        # Who has no home here gets one that can be written.
        assert places["kernel"].pop("HOME").startswith("/tmp/home-4242-")  # noqa: S108
        assert places["worker"].pop("HOME").startswith("/tmp/home-4242-")  # noqa: S108
        named = {key: value for key, value in named.items() if key != "HOME"}
    for variables in (exec_, started, places["kernel"], places["worker"]):
        assert {key: variables.get(key) for key in named} == named


def test_a_login_shell_finds_the_environment(server: tuple[str, Jupyter], docker_engine: Engine) -> None:
    found = docker_engine.run("exec", server[0], "bash", "-lc", "command -v jupyter python dask").stdout
    assert found == f"{PREFIX}/bin/jupyter\n{PREFIX}/bin/python\n{PREFIX}/bin/dask\n"


def test_nothing_of_the_image_can_be_written(server: tuple[str, Jupyter], docker_engine: Engine) -> None:
    script = f"for path in {PREFIX}/bin /etc /srv/repo/answer.ipynb; do [ -w $path ] && echo $path; done; true"
    assert docker_engine.run("exec", server[0], "bash", "-c", script).stdout == ""


def test_packages_in_a_home_are_not_found(docker_engine: Engine, real_image: str) -> None:
    script = f"{SHADOW}; python -c 'import dask, site; print(dask.__path__[0], site.ENABLE_USER_SITE)'"
    found = docker_engine.run("run", "--rm", real_image, "bash", "-c", script).stdout
    path, enabled = found.split()
    assert path.startswith(f"{PREFIX}/lib/")
    assert enabled == "False"


def test_a_volume_over_home_hides_nothing_of_the_repository(
    docker_engine: Engine, real_image: str, tmp_path: Path
) -> None:
    tmp_path.chmod(0o755)
    found = docker_engine.run("run", "--rm", "--volume", f"{tmp_path}:/home/jovyan", real_image, "ls", "/srv/repo")
    assert found.stdout == "answer.ipynb\nbinder\n"
