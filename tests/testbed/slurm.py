"""A real Slurm of the tests' own: two nodes on this machine, on loopback, with a key of its own.

Its programs are Debian's, unpacked for the tests alone (``make testbed``), so that no service is installed or started.
Nodes claim more processors and memory than the machine has: jobs of the size that sites give to workers are accepted.
Root and ordinary users can submit. It asks for nothing and waits for nothing, so that a job starts at once.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.testbed.confined import confined, open_folder
from tests.testbed.install import fetched_folder
from tests.testbed.users import run_as

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from tests.testbed.users import User

PACKAGES = ("munge", "slurm-client", "slurm-wlm-basic-plugins", "slurmctld", "slurmd")
PARTITION = "main"
NODES = ("node1", "node2")
CPUS, MEMORY_MB = 48, 262144
_START_LIMIT_S = 60.0
_CONFIGURATION = """\
ClusterName=bindery
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
PluginDir={folder}/lib
StateSaveLocation={folder}/state
SlurmctldPidFile={folder}/slurmctld.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdSpoolDir={folder}/%n
SlurmdPidFile={folder}/%n.pid
SlurmdLogFile={folder}/%n.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MailProg=/bin/true
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/builtin
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0
CompleteWait=0
KillWait=1
OverTimeLimit=0
ReturnToService=2
{nodes}
PartitionName={partition} Nodes=ALL Default=YES DefMemPerCPU=1024 MaxTime=INFINITE State=UP
"""
# No plugin that we choose uses control groups, but each daemon looks for them.
_CONTROL_GROUPS = "CgroupPlugin=cgroup/v1\nCgroupMountpoint=/sys/fs/cgroup\n"
_DAEMONS = r"""
cd "$1"
bin/munged --foreground --force --key-file="$1/munge.key" --socket="$1/munge.socket" --pid-file="$1/munge.pid" \
  --log-file="$1/munge.log" --seed-file="$1/munge.seed" &
until [ -S munge.socket ]; do sleep 0.02; done
bin/slurmctld -D &
for node in "${@:2}"; do bin/slurmd -D -N "$node" -d "$1/bin/slurmstepd" & done
wait
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Slurm:
    """A Slurm that runs; ``partition`` is the one queue that it has."""

    folder: Path
    partition: str = PARTITION

    @property
    def environ(self) -> dict[str, str]:
        """Return what leads a process to it."""
        path = os.environ.get("PATH", "/usr/bin:/bin")
        return {"PATH": f"{self.folder}/bin:{path}", "SLURM_CONF": f"{self.folder}/slurm.conf"}

    def run(
        self, program: str, *words: str | Path, user: User | None = None, cwd: Path | None = None, check: bool = True
    ) -> str:
        """Return what the program said to that user, or to whoever tests, if none is named.

        A failure that is not expected shows what it said.
        """
        home = user.environ if user else {"HOME": os.environ.get("HOME", "/")}
        environ = {**self.environ, **home}
        folder = cwd or (user.home if user else self.folder)
        done = run_as(user, [self.folder / "bin" / program, *words], env=environ, cwd=folder, timeout_s=60)
        shown = f"{program} {' '.join(map(str, words))}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert done.returncode == 0 or not check, f"{shown}\n{self.log()}"
        return done.stdout

    def jobs(self) -> list[str]:
        """Return the ids of the jobs that wait or run, of all users."""
        return self.run("squeue", "--noheader", "--format=%A").split()

    def cancel_all(self) -> None:
        """Cancel all jobs of all users, and wait until they are gone."""
        end_s = time.monotonic() + _START_LIMIT_S
        while jobs := self.jobs():
            assert time.monotonic() < end_s, f"jobs {jobs} do not end\n{self.log()}"
            self.run("scancel", *jobs, check=False)
            time.sleep(0.1)

    def end_soon(self, job: str, seconds: int) -> None:
        """Bring the end of the running job's wall time near; users can name it in whole minutes only."""
        self.run("scontrol", "update", f"JobId={job}", f"EndTime=now+{seconds}seconds")

    def log(self) -> str:
        """Return what its daemons have logged so far."""
        texts = [one.read_text(encoding="utf-8", errors="replace") for one in sorted(self.folder.glob("*.log"))]
        return "\n".join(texts)


@contextmanager
def run_slurm() -> Iterator[Slurm]:
    """Run a Slurm, one in a process, while the context lasts; no job outlives it."""
    with open_folder("slurm") as folder:
        _unpack(folder)
        _configure(folder)
        slurm = Slurm(folder=folder)
        words = ["bash", "-c", _DAEMONS, "bash", str(folder), *NODES]
        environ = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SLURM_CONF": str(folder / "slurm.conf")}
        with confined(words, folder / "daemons.log", environ) as process:
            _wait(process, slurm)
            yield slurm


def _unpack(folder: Path) -> None:
    """Copy the programs to where all users reach them; they find their libraries beside them."""
    (folder / "bin").mkdir()
    for package in PACKAGES:
        source = fetched_folder(package)
        assert source.is_dir(), f"{package} is missing; fix: make testbed"
        for plugins in source.glob("usr/lib/*/slurm-wlm"):
            shutil.copytree(plugins, folder / "lib")
            libraries = b"/" + bytes(plugins.relative_to(source))
    here = b"$ORIGIN/../lib"
    for package in PACKAGES:
        for program in [*fetched_folder(package).glob("usr/bin/*"), *fetched_folder(package).glob("usr/sbin/*")]:
            copy = folder / "bin" / program.name.removesuffix("-wlm")
            copy.write_bytes(program.read_bytes().replace(libraries, here.ljust(len(libraries), b"\0")))
            copy.chmod(0o755)


def _configure(folder: Path) -> None:
    ports = _free_ports(1 + len(NODES))
    host = socket.gethostname().partition(".")[0]
    nodes = "\n".join(
        f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={CPUS} RealMemory={MEMORY_MB}"
        for node, port in zip(NODES, ports[1:], strict=True)
    )
    text = _CONFIGURATION.format(host=host, port=ports[0], folder=folder, nodes=nodes, partition=PARTITION)
    (folder / "slurm.conf").write_text(text, encoding="utf-8")
    (folder / "cgroup.conf").write_text(_CONTROL_GROUPS, encoding="utf-8")
    key = folder / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(secrets.token_bytes(128))
    for name in ("state", *NODES):
        (folder / name).mkdir()


def _wait(process: subprocess.Popen[bytes], slurm: Slurm) -> None:
    """Wait until all nodes take jobs."""
    end_s = time.monotonic() + _START_LIMIT_S
    while time.monotonic() < end_s and process.poll() is None:
        states = slurm.run("sinfo", "--noheader", "--Node", "--format=%t", check=False).split()
        if states == ["idle"] * len(NODES):
            return
        time.sleep(0.05)
    raise RuntimeError(f"Slurm does not start:\n{slurm.log()}")


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
