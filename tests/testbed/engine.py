"""A real Docker engine of the tests' own, started by hand as root, with everything it has in one folder.

It leaves the machine as it was. It runs in namespaces of its own for processes and mounts, so that the kernel ends and
unmounts everything with its first process, however the tests end; its bridge has no rules in the firewall, so that
containers and this machine reach each other and containers reach nothing else (builds that need a network ask for the
machine's: ``--network host``). What a killed run leaves, a folder, a bridge and empty control groups, the next removes.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.testbed.confined import confined
from tests.testbed.install import fetched_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_START_LIMIT_S = 120.0
_CONTROL_GROUPS = Path("/sys/fs/cgroup")
_IMAGES = "12g"
"""The most that images and containers may take, of memory."""
_BUILDX = Path("usr/libexec/docker/cli-plugins/docker-buildx")
# RFC 2544's addresses for benchmarks: nobody routes them.
_ADDRESSES = ipaddress.ip_network("198.18.0.0/16")


@dataclass(frozen=True, kw_only=True, slots=True)
class Engine:
    """An engine that runs.

    ``environ`` leads docker's clients to it. ``gateway`` is this machine's address as containers see it.
    """

    folder: Path
    environ: Mapping[str, str]
    gateway: str

    @property
    def socket(self) -> Path:
        """Return where it listens."""
        return self.folder / "docker.sock"

    def run(self, *words: str | Path, check: bool = True, timeout_s: float = 300) -> subprocess.CompletedProcess[str]:
        """Return what docker's own client did; a failure that is not expected shows what it said."""
        done = subprocess.run(
            ["docker", *map(str, words)],
            env=dict(self.environ),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
        )
        assert done.returncode == 0 or not check, f"docker {words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def address(self, container: str) -> str:
        """Return the container's address on the engine's bridge."""
        form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        return self.run("inspect", "--format", form, container).stdout.strip()


@contextmanager
def run_engine() -> Iterator[Engine]:
    """Run an engine, one in a process, while the context lasts."""
    for program in ("dockerd", "docker", "ip"):
        assert shutil.which(program), f"{program} is missing; fix: make testbed"
    remove_leftovers()
    name = _name(os.getpid())
    folder = Path(tempfile.gettempdir()) / name
    folder.mkdir(mode=0o711)
    try:
        gateway = _make_bridge(name)
        with confined(_command(folder, name), folder / "log") as process:
            engine = Engine(folder=folder, environ=_environ(folder), gateway=str(gateway.ip))
            _wait(process, engine)
            yield engine
    finally:
        _remove(name)


def remove_leftovers() -> None:
    """Leave nothing behind of engines whose process is no longer there."""
    for folder in Path(tempfile.gettempdir()).glob("bindery-[0-9]*"):
        if re.fullmatch(r"bindery-\d+", folder.name) and not Path("/proc", folder.name[8:]).exists():
            _remove(folder.name)


def _name(pid: int) -> str:
    """Return what the engine's folder, bridge and control group are called: at most the 15 bytes of a bridge's name."""
    return f"bindery-{pid}"


def _command(folder: Path, name: str) -> list[str]:
    (folder / "data").mkdir()
    (folder / "daemon.json").write_text("{}", encoding="utf-8")
    # Images live in memory, and go with the last process that sees them: on a busy disk they take minutes, twice.
    in_memory = f'mount -t tmpfs -o size={_IMAGES},mode=711 images "$0" && exec docker-init -- dockerd "$@"'
    return [
        *("sh", "-c", in_memory, str(folder / "data")),
        *("--config-file", str(folder / "daemon.json"), "--host", f"unix://{folder}/docker.sock", "--group", "root"),
        *("--data-root", str(folder / "data"), "--exec-root", str(folder / "exec")),
        *("--pidfile", str(folder / "pid"), "--log-level", "warn", "--cgroup-parent", f"/{name}"),
        *("--exec-opt", "native.cgroupdriver=cgroupfs"),
        *("--bridge", name, "--iptables=false", "--ip-masq=false", "--ip-forward=false"),
    ]


def _environ(folder: Path) -> dict[str, str]:
    plugins = folder / "config" / "cli-plugins"
    plugins.mkdir(parents=True)
    (plugins / "docker-buildx").symlink_to(fetched_folder("docker-buildx") / _BUILDX)
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**kept, "DOCKER_HOST": f"unix://{folder}/docker.sock", "DOCKER_CONFIG": str(folder / "config")}


def _make_bridge(name: str) -> ipaddress.IPv4Interface:
    """Return this machine's address on a new bridge, in a network that no other bridge has."""
    taken = {one["dst"] for one in json.loads(_run("ip", "-json", "-4", "route"))}
    network = next(one for one in _ADDRESSES.subnets(new_prefix=24) if str(one) not in taken)
    address = ipaddress.IPv4Interface(f"{network[1]}/24")
    _run("ip", "link", "add", "name", name, "type", "bridge")
    _run("ip", "address", "add", str(address), "dev", name)
    _run("ip", "link", "set", name, "up")
    return address


def _wait(process: subprocess.Popen[bytes], engine: Engine) -> None:
    end_s = time.monotonic() + _START_LIMIT_S
    while time.monotonic() < end_s and process.poll() is None:
        if engine.socket.exists() and engine.run("version", check=False).returncode == 0:
            return
        time.sleep(0.05)
    raise RuntimeError(f"dockerd does not start:\n{(engine.folder / 'log').read_text(encoding='utf-8')}")


def _remove(name: str) -> None:
    """Remove what outlives an engine: its bridge, its control groups, its folder."""
    subprocess.run(["ip", "link", "delete", name], capture_output=True, check=False)
    for top in [*_CONTROL_GROUPS.glob(name), *_CONTROL_GROUPS.glob(f"*/{name}")]:
        for folder, _, _ in os.walk(top, topdown=False):
            with suppress(OSError):
                Path(folder).rmdir()
    # Another run may be removing the same.
    shutil.rmtree(Path(tempfile.gettempdir()) / name, ignore_errors=True)


def _run(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout
