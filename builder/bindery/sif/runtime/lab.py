"""JupyterLab on a free port of this node, for its user alone; says how to get there.

It runs in the image, with the environment's Python and nothing of Bindery's.
"""  # noqa: INP001 - no package: a file that is put into images

from __future__ import annotations

import getpass
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

LOOPBACK = "127.0.0.1"
PAUSE_S = 0.05


@dataclass(frozen=True)
class Server:
    """Where JupyterLab listens on this node; ``path`` and ``token`` as they stand in its URL."""

    address: str
    port: int
    path: str
    token: str


def main() -> int:
    """Run JupyterLab to its end, and return its status."""
    # What it writes there has the token: only the user can open the folder, which is on the node.
    folder = Path(tempfile.mkdtemp(prefix="jupyter-"))
    try:
        environ = {**os.environ, "JUPYTER_RUNTIME_DIR": str(folder)}
        process = subprocess.Popen(["jupyter-lab", *words(sys.argv[1:])], env=environ)  # noqa: S607 - the image's
        pass_signals_on(process)
        announce(process, folder / f"jpserver-{process.pid}.json")
        status = process.wait()
        return status if status >= 0 else 128 - status
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def words(given: list[str]) -> list[str]:
    """Return what JupyterLab is called with: what is given, and the address unless that is given."""
    named = {word.partition("=")[0].removeprefix("--").removeprefix("ServerApp.") for word in given}
    # Root of a container of one's own, as with --fakeroot.
    ours = ["--no-browser", *(["--allow-root"] if os.geteuid() == 0 else [])]
    if "ip" not in named:
        ours.append(f"--ServerApp.ip={LOOPBACK}")
    if "port" not in named:
        ours.append(f"--ServerApp.port={free_port()}")
    if Path.cwd() == Path("/") and not named & {"root_dir", "notebook-dir"}:
        # The folder that the user is in was not bound.
        ours.append(f"--ServerApp.root_dir={Path.home()}")
    return [*ours, *given]


def free_port() -> int:
    """Return a port that nobody listens on; JupyterLab takes another one if somebody does by then."""
    with socket.create_server((LOOPBACK, 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def pass_signals_on(process: subprocess.Popen[bytes]) -> None:
    """Have JupyterLab receive what this process is sent."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGINT):
        signal.signal(number, lambda received, _: process.send_signal(received))
    if sys.stdin is not None and sys.stdin.isatty():
        # A terminal interrupts both; JupyterLab asks whether that is meant.
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def announce(process: subprocess.Popen[bytes], file: Path) -> None:
    """Print where the server is, as soon as it has written that down."""
    while process.poll() is None:
        # The file is there before all of its text is.
        text = file.read_text(encoding="utf-8").rstrip() if file.exists() else ""
        if text.endswith("}"):
            found = json.loads(text)
            server = Server(address=found["hostname"], port=found["port"], path=found["base_url"], token=found["token"])
            login_host = os.environ.get("BINDERY_LOGIN_HOST", "")
            sys.stdout.write(directions(server, socket.gethostname(), user(), login_host))
            sys.stdout.flush()
            return
        time.sleep(PAUSE_S)


def directions(server: Server, node: str, name: str, login_host: str) -> str:
    """Return what a person types and opens; ``login_host`` is where they come in, empty if they reach the node."""
    jump = f"-J {shlex.quote(f'{name}@{login_host}')} " if login_host else ""
    tunnel = f"{server.port}:{server.address}:{server.port} {jump}{shlex.quote(f'{name}@{node}')}"
    query = f"?token={server.token}" if server.token else ""
    return (
        f"JupyterLab answers on {node}, port {server.port}.\n"
        f"  on your computer: ssh -N -L {tunnel}\n"
        f"  then open:        http://{LOOPBACK}:{server.port}{server.path}lab{query}\n"
    )


def user() -> str:
    """Return the user's name, or number where the node knows no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


if __name__ == "__main__":
    sys.exit(main())
