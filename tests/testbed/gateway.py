"""A real Dask Gateway on this machine, whose clusters are processes, and the environment for it and its clients."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from tests.testbed.hub import free_ports

from bindery.core import digest_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bindery.core import Store

CONFIG = Path(__file__).with_name("gateway_config.py")
PACKAGES = (
    "aiohttp==3.12.15",
    "cloudpickle==3.1.1",
    "cryptography==45.0.6",
    "dask==2025.7.0",
    "dask-gateway==2026.3.0",
    "dask-gateway-server==2026.3.0",
    "distributed==2025.7.0",
    "ipykernel==6.30.1",
    "sqlalchemy==2.0.43",
    "tornado==6.5.2",
)
"""Dask as ``environments/base`` has it, and what a gateway needs."""
USER, PASSWORD = "reader", "open-sesame"
MORE = "Metadata-Version: 2.1\nName: one-more\nVersion: 1.5\n"
_START_LIMIT_S = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class DaskGateway:
    """A gateway that runs; ``python`` is that of its environment."""

    url: str
    python: Path
    folder: Path

    @property
    def environ(self) -> dict[str, str]:
        """Return what a client needs to be let in."""
        return self.login(PASSWORD)

    def login(self, password: str) -> dict[str, str]:
        """Return the variables of a client with this password."""
        words = f"{{'username': '{USER}', 'password': '{password}'}}"
        return {"DASK_GATEWAY__AUTH__TYPE": "basic", "DASK_GATEWAY__AUTH__KWARGS": words}

    def clusters(self) -> list[str]:
        """Return the names of the user's clusters that are coming up or run."""
        answer = httpx.get(f"{self.url}/api/v1/clusters/", auth=(USER, PASSWORD), timeout=30)
        return list(answer.raise_for_status().json())

    def processes(self) -> list[str]:
        """Return the command lines of the clusters' processes."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                if str(self.folder / "clusters") in str((path / "cwd").readlink()):
                    found.append((path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            except OSError:
                continue
        return found

    def log(self) -> str:
        """Return what the gateway has printed."""
        return (self.folder / "log").read_text(errors="replace")


def gateway_python(store: Store, interpreter: Path, packages: tuple[str, ...] = PACKAGES) -> Path:
    """Return the Python of an environment with the packages, which is made once on a machine."""

    def build(work: Path) -> None:
        uv = [sys.executable, "-m", "uv", "--quiet"]
        subprocess.run([*uv, "venv", "--relocatable", "--python", str(interpreter), str(work)], check=True)
        subprocess.run([*uv, "pip", "install", "--python", str(work / "bin" / "python"), *packages], check=True)

    key = digest_bytes(f"{interpreter}\n{packages}".encode()).hex[:16]
    return store.ensure("gateway-python", key, build) / "bin" / "python"


@contextmanager
def run_gateway(python: Path) -> Iterator[DaskGateway]:
    """Run a gateway, and end it and all that it has started."""
    with tempfile.TemporaryDirectory(prefix="gateway-") as name:
        folder, port = Path(name), free_ports(1)[0]
        metadata = folder / "more" / "one_more-1.5.dist-info" / "METADATA"
        metadata.parent.mkdir(parents=True)
        metadata.write_text(MORE)
        environ = {
            "PATH": f"{python.parent}:{os.environ['PATH']}",
            "HOME": name,
            "GATEWAY_FOLDER": name,
            "GATEWAY_PREFIX": str(python.parent.parent),
            "GATEWAY_PORT": str(port),
            "GATEWAY_PASSWORD": PASSWORD,
        }
        server = python.with_name("dask-gateway-server")
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [server, "-f", CONFIG], env=environ, cwd=name, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        gateway = DaskGateway(url=f"http://127.0.0.1:{port}", python=python, folder=folder)
        try:
            _wait(process, gateway)
            yield gateway
        finally:
            process.terminate()  # it stops its clusters
            process.wait(60)


def _wait(process: subprocess.Popen[bytes], gateway: DaskGateway) -> None:
    end_s = time.monotonic() + _START_LIMIT_S
    while time.monotonic() < end_s and process.poll() is None:
        try:
            if gateway.clusters() == []:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"the gateway does not start:\n{gateway.log()}")
