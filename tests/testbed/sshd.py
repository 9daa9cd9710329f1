"""An OpenSSH server of the tests' own on loopback: its keys, its port and its settings are its own.

It is an ordinary user's, who alone can log in, with a key that the tests have: no password, no root, nothing of the
machine's own server. Debian's package is unpacked for the tests alone (``make testbed``): no service is started.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.testbed.confined import open_folder
from tests.testbed.install import fetched_folder
from tests.testbed.users import run_as

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.testbed.users import User

_START_LIMIT_S = 30.0
_SERVER = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
AllowUsers {user}
AuthenticationMethods publickey
StrictModes no
UsePAM no
PidFile none
PrintMotd no
AcceptEnv none
SetEnv {environ}
Subsystem sftp internal-sftp
"""
_CLIENT = """\
Host submit 127.0.0.1
  HostName 127.0.0.1
  Port {port}
  User {user}
  IdentityFile {folder}/client_key
  IdentitiesOnly yes
  UserKnownHostsFile {folder}/known_hosts
  GlobalKnownHostsFile none
  StrictHostKeyChecking yes
  BatchMode yes
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sshd:
    """A server that runs; ``config`` is what ssh is to be given with ``-F``, where the machine is called ``submit``."""

    folder: Path
    port: int
    user: User

    @property
    def config(self) -> Path:
        """Return the client's settings: whoever can read the key beside them can log in."""
        return self.folder / "ssh_config"

    @property
    def command(self) -> str:
        """Return the ssh that is to be called, as one line of words; the name of the machine follows."""
        return f"ssh -F {self.config}"

    def run(self, command: str, *, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Return what the command did there, as the user's shell reads it."""
        words: list[str | Path] = ["ssh", "-F", self.config, "submit", command]
        done = run_as(None, words, env={"PATH": os.environ.get("PATH", "/usr/bin:/bin")}, timeout_s=60)
        assert done.returncode == 0 or not check, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def log(self) -> str:
        """Return what the server has logged so far."""
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")


@contextmanager
def run_sshd(user: User, environ: Mapping[str, str] | None = None) -> Iterator[Sshd]:
    """Run a server while the context lasts, into which whoever tests can log in as that user.

    ``environ`` are variables of whoever logs in, such as the PATH of a machine on which there is a batch queue.
    """
    program = fetched_folder("openssh-server") / "usr/sbin/sshd"
    assert program.is_file(), "openssh-server is missing; fix: make testbed"
    with open_folder("sshd") as folder:
        sshd = Sshd(folder=folder, port=_free_port(), user=user)
        # Nobody but its user reads root's folders, and it starts itself again for each connection.
        shutil.copy(program, folder / "sshd")
        _configure(sshd, environ or {})
        server = [str(folder / "sshd"), "-D", "-e", "-f", str(folder / "config")]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *_become(user), *server],
                env={"PATH": "/usr/bin:/bin"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            _wait(process, sshd)
            yield sshd
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _become(user: User) -> list[str]:
    if user.uid == os.geteuid():
        return []
    return [f"--reuid={user.uid}", f"--regid={user.gid}", "--clear-groups"]


def _configure(sshd: Sshd, environ: Mapping[str, str]) -> None:
    folder = sshd.folder
    for name in ("host_key", "client_key"):
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "tests", "-f", str(folder / name)]
        subprocess.run(words, stdin=subprocess.DEVNULL, check=True)
    public = (folder / "host_key.pub").read_text(encoding="utf-8")
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{sshd.port} {public}", encoding="utf-8")
    shutil.copyfile(folder / "client_key.pub", folder / "authorized_keys")
    variables = " ".join(f"{name}={value}" for name, value in {"LANG": "C.UTF-8", **environ}.items())
    values = {"port": sshd.port, "folder": folder, "user": sshd.user.name, "environ": variables}
    (folder / "config").write_text(_SERVER.format(**values), encoding="utf-8")
    sshd.config.write_text(_CLIENT.format(**values), encoding="utf-8")
    if os.geteuid() == 0:
        os.chown(folder / "host_key", sshd.user.uid, sshd.user.gid)


def _wait(process: subprocess.Popen[bytes], sshd: Sshd) -> None:
    end_s = time.monotonic() + _START_LIMIT_S
    while time.monotonic() < end_s and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", sshd.port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError(f"sshd does not start:\n{sshd.log()}")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
