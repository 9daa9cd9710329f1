"""A small environment of real wheels, wheels made by hand, and an index on loopback that misbehaves."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
import threading
import zipfile
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest
from tests.testbed.serving import Quiet, serving

from bindery.core import NoProgress, Store
from bindery.environments.environment import Environment
from bindery.environments.wheels import WheelChannel, ensure_wheel_channel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

HERE = Path(__file__).parent
# Solves and installs; py-rattler may crash when its interpreter ends, so it is left without ceremony.
_INSTALL = """
import asyncio, os, sys
from rattler import BuildString, Channel, GenericVirtualPackage, MatchSpec, PackageName, Version, install, solve

async def main(channel, prefix, cache, glibc, specs):
    machine = [("__glibc", glibc), ("__linux", "5.10"), ("__unix", "0")]
    virtual = [GenericVirtualPackage(PackageName(n), Version(v), BuildString("0")) for n, v in machine]
    records = await solve(
        sources=[Channel(channel)], specs=[MatchSpec(spec) for spec in specs],
        platforms=["linux-64", "noarch"], virtual_packages=virtual,
    )
    await install(records, target_prefix=prefix, cache_dir=cache, show_progress=False)
    print("\\n".join(sorted(record.name.normalized for record in records)), flush=True)

asyncio.run(main(*sys.argv[1:5], sys.argv[5:]))
os._exit(0)
"""


@pytest.fixture(scope="session")
def small() -> Environment:
    """Return the environment whose pins lie beside this file."""
    return Environment(name="small", folder=HERE / "small")


class ChannelMaker(Protocol):
    """Called with an interpreter; returns the small environment's channel, made once for all runs."""

    def __call__(self, interpreter: str) -> WheelChannel:
        """Return the channel."""


@pytest.fixture(scope="session")
def small_channel(small: Environment, test_store: Store) -> ChannelMaker:
    """Return a function that gives the small channel for an interpreter."""
    return lambda interpreter: ensure_wheel_channel(
        small, interpreter=interpreter, store=test_store, progress=NoProgress()
    )


@pytest.fixture(scope="session")
def install_channel() -> Callable[[WheelChannel, Path, Sequence[str]], list[str]]:
    """Return a function that installs specs from a channel."""
    return _install_channel


@pytest.fixture(scope="session")
def tree() -> Callable[[Path], dict[str, str]]:
    """Return a function that hashes every file below a folder."""
    return _tree


@pytest.fixture(scope="session")
def make_wheel() -> WheelMaker:
    """Return a function that writes a wheel."""
    return _make_wheel


class WheelMaker(Protocol):
    """Called with a folder; writes a wheel there and returns its path."""

    def __call__(
        self,
        folder: Path,
        *,
        name: str = "toy",
        tag: str = "py3-none-any",
        metadata: str = "",
        files: Mapping[str, str | bytes] | None = None,
        record: str | None = None,
    ) -> Path:
        """Return the path of a wheel of version 1.0."""


def _install_channel(channel: WheelChannel, prefix: Path, specs: Sequence[str]) -> list[str]:
    """Install the specs from the channel with py-rattler, and return the names of what is installed."""
    words = [channel.folder.as_uri(), str(prefix), str(prefix.with_name("cache")), channel.glibc, *specs]
    done = subprocess.run([sys.executable, "-c", _INSTALL, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def _tree(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below the folder."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _make_wheel(
    folder: Path,
    *,
    name: str = "toy",
    tag: str = "py3-none-any",
    metadata: str = "",
    files: Mapping[str, str | bytes] | None = None,
    record: str | None = None,
) -> Path:
    """Write a wheel of version 1.0, with a right RECORD unless one is given, and return its path."""
    info = f"{name}-1.0.dist-info"
    contents: dict[str, str | bytes] = {
        **(files or {f"{name}.py": "x = 1\n"}),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{metadata}",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: {str(tag.endswith('any')).lower()}\nTag: {tag}\n",
    }
    raw = {path: data.encode() if isinstance(data, str) else data for path, data in contents.items()}
    lines = [f"{path},sha256={_record_hash(data)},{len(data)}\n" for path, data in raw.items()]
    raw[f"{info}/RECORD"] = (record if record is not None else "".join([*lines, f"{info}/RECORD,,\n"])).encode()
    path = folder / f"{name}-1.0-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inside, data in raw.items():
            archive.writestr(inside, data)
    return path


def _record_hash(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


@dataclass(kw_only=True)
class Index:
    """What an index on loopback sends, and what it was asked. ``faults`` are used up, one per request."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    ranges: list[str | None] = field(default_factory=list)
    pause: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def index() -> Iterator[Index]:
    """Serve files on loopback: ``busy`` answers 503, ``cut`` breaks off in the middle, ``hang`` waits there."""
    served = Index()

    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.ranges.append(self.headers["Range"])
            fault = served.faults.pop(0) if served.faults else ""
            data = served.files.get(self.path.lstrip("/"))
            if data is None or fault == "busy":
                self.send_error(404 if data is None else 503)
                return
            wanted = self.headers["Range"]
            start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
            body = data[start:]
            self.send_response(206 if wanted else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if fault in {"cut", "hang"}:
                self.wfile.write(body[: len(body) // 2])
                self.wfile.flush()
                if fault == "hang":
                    served.pause.wait(60)
                self.close_connection = True
                return
            self.wfile.write(body)

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as server:
        served.url = f"http://127.0.0.1:{server.server_port}"
        yield served
        served.pause.set()
