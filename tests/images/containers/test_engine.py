"""The engine of the tests runs containers and builds, and leaves nothing behind, however its tests end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.testbed.engine import remove_leftovers

if TYPE_CHECKING:
    from tests.testbed.engine import Engine

pytestmark = pytest.mark.testbed

ROOT = Path(__file__).parents[3]
HOLD = """
import sys
from tests.testbed.engine import run_engine
with run_engine() as engine:
    engine.run("import", sys.argv[1], "hold")
    engine.run("run", "--detach", "hold", "sh", "-c", "read forever < /pipe")
    print(engine.folder.name, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="session")
def shell_image(docker_engine: Engine, shell_archive: Path) -> str:
    """Return the name of an image that has a shell and nothing else."""
    docker_engine.run("import", shell_archive, "shell")
    return "shell"


def test_a_container_runs(docker_engine: Engine, shell_image: str) -> None:
    assert docker_engine.run("run", "--rm", shell_image, "sh", "-c", "echo $((6 * 7))").stdout == "42\n"


def test_buildx_runs_commands_with_the_network_of_this_machine(
    docker_engine: Engine, shell_image: str, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text(
        f"FROM {shell_image}\nRUN while read -r line; do echo $line; done < /proc/net/route > /routes\n",
        encoding="utf-8",
    )
    docker_engine.run("buildx", "build", "--network", "host", "--tag", "routes", tmp_path)
    words = ["sh", "-c", "while read -r line; do echo $line; done < /routes"]
    found = docker_engine.run("run", "--rm", "routes", *words).stdout
    assert [line.split()[0] for line in found.splitlines()] == [
        line.split()[0] for line in Path("/proc/net/route").read_text(encoding="ascii").splitlines()
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_after(number: signal.Signals, docker_engine: Engine, shell_archive: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, shell_archive],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        name = process.stdout.readline().rstrip("\n")
        assert name == f"bindery-{process.pid}"
        assert _processes(name)
        process.send_signal(number)
        process.communicate()
    if number == signal.SIGKILL:
        wait_until_gone(name)
        remove_leftovers()
    assert _processes(name) == []
    assert name not in Path("/proc/self/mounts").read_text(encoding="utf-8")
    assert not Path("/sys/class/net", name).exists()
    assert [*Path("/sys/fs/cgroup").glob(f"*/{name}"), *Path("/sys/fs/cgroup").glob(name)] == []
    assert not docker_engine.folder.with_name(name).exists()
    assert docker_engine.socket.exists()


def wait_until_gone(name: str) -> None:
    """Wait for the kernel to end what was started below a process that was killed."""
    for _ in range(600):
        if not _processes(name):
            return
        time.sleep(0.1)


def _processes(name: str) -> list[str]:
    """Return the commands of the engine of that name that run now, but not of who waits for it."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if f"{name}/" in command:
            found.append(command)
    return found
