"""A small PBS of the tests' own: qsub, qdel and qstat, and a server that runs jobs as processes.

Nobody packages PBS. What is rendered for it is compared with dask-jobqueue's own text; here the same scripts run, and
are answered in PBS's words.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.testbed.confined import confined, open_folder
from tests.testbed.users import run_as

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from tests.testbed.users import User

HERE = Path(__file__).parent
PROGRAMS = ("qsub", "qdel", "qstat")
_SYSTEM_PYTHON = Path("/usr/bin/python3")
_START_LIMIT_S = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Pbs:
    """A PBS that runs; ``bin`` is to be put on PATH."""

    folder: Path
    queue: str = "workq"

    @property
    def bin(self) -> Path:
        """Return the folder of the programs."""
        return self.folder / "bin"

    @property
    def environ(self) -> dict[str, str]:
        """Return what leads a process to it."""
        return {"PATH": f"{self.bin}:{os.environ.get('PATH', '/usr/bin:/bin')}"}

    def run(
        self, program: str, *words: str | Path, user: User | None = None, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Return what the program did for that user, or for whoever tests, if none is named."""
        home = user.environ if user else {"HOME": os.environ.get("HOME", "/")}
        folder = cwd or (user.home if user else self.folder)
        return run_as(user, [self.bin / program, *words], env={**self.environ, **home}, cwd=folder, timeout_s=60)

    def jobs(self) -> list[str]:
        """Return the ids of the jobs that wait or run, of all users."""
        return re.findall(r"^(\d+\.\S+)", self.run("qstat").stdout, re.MULTILINE)

    def delete_all(self) -> None:
        """Delete all jobs of all users, and wait until they are gone."""
        end_s = time.monotonic() + _START_LIMIT_S
        while jobs := self.jobs():
            assert time.monotonic() < end_s, f"jobs {jobs} do not end\n{self.log()}"
            self.run("qdel", *jobs)
            time.sleep(0.05)

    def log(self) -> str:
        """Return what the server has said of itself."""
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")


@contextmanager
def run_pbs() -> Iterator[Pbs]:
    """Run a PBS, one in a process, while the context lasts; no job outlives it."""
    with open_folder("pbs") as folder:
        python = _SYSTEM_PYTHON if _SYSTEM_PYTHON.exists() else Path(sys.executable)
        (folder / "bin").mkdir()
        text = (HERE / "pbs_command.py").read_text(encoding="utf-8")
        for program in PROGRAMS:
            (folder / "bin" / program).write_text(f"#!{python} -I\n{text}", encoding="utf-8")
            (folder / "bin" / program).chmod(0o755)
        shutil.copyfile(HERE / "pbs_server.py", folder / "server.py")
        # The shell is the first process of its name space, and clears away what jobs leave to it.
        words = ["sh", "-c", '"$@"; exit', "sh", str(python), "-I", str(folder / "server.py"), str(folder)]
        with confined(words, folder / "log") as process:
            pbs = Pbs(folder=folder)
            _wait(process, pbs)
            yield pbs


def _wait(process: subprocess.Popen[bytes], pbs: Pbs) -> None:
    end_s = time.monotonic() + _START_LIMIT_S
    while time.monotonic() < end_s and process.poll() is None:
        if (pbs.folder / "socket").exists():
            return
        time.sleep(0.02)
    raise RuntimeError(f"PBS does not start:\n{pbs.log()}")
