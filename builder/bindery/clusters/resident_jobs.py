"""Workers that are jobs of a batch queue: the part of ``resident.py`` that needs dask-jobqueue. Loaded by its path.

Every job of a cluster has the same name, which nothing else has; so all of them can be listed and cancelled, even those
that nobody remembers.
"""

# mypy: ignore-errors
# dask-jobqueue is the environment's, in whatever version; it is no dependency of Bindery's. Tests run this for real.

from __future__ import annotations

import shlex
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from distributed import Security

if TYPE_CHECKING:
    from collections.abc import Iterable

TURN_S = 0.5
LOOK_S = 5.0  # asking too often is rude to a queue that thousands share
KEEP_S = 2.0
LIST_LIMIT_S = 60.0
CANCEL_LIMIT_S = 30.0
SUBMIT_WAIT_S = 10.0
LAST_LINES = 12


class Fault(Exception):
    """What somebody has to mend; ``kind`` is Bindery's word for the kind of error."""

    def __init__(self, kind: str, what: str, where: str = "", fix: str = "") -> None:
        super().__init__(kind, what, where, fix)
        self.reply = {"error": what, "kind": kind, "where": where, "fix": fix}


class Quoted:
    """Certificates whose paths are quoted for the shell; dask-jobqueue puts them into its script as they are."""

    def __init__(self, security: Security) -> None:
        self.security = security

    def get_tls_config_for_role(self, role: str) -> dict[str, str]:
        """Return the paths."""
        found = self.security.get_tls_config_for_role(role)
        return {name: shlex.quote(value) for name, value in found.items() if value is not None}


class Jobs:
    """A dask-jobqueue cluster, and what is known of its jobs. ``request`` is described in ``resident.py``."""

    def __init__(self, request: dict[str, object]) -> None:
        self.request = request
        self.guard = threading.Lock()
        self.ids: dict[str, str] = {}  # by the worker's name, while the job is wanted
        self.over: set[str] = set()  # names of jobs that have ended, and are still in the cluster's plan
        self.missing: dict[str, int] = {}
        self.submitting = 0
        self.refused: str | None = None  # why the queue took no job
        self.closing = False
        self.target = 0
        self.cluster = self.make()
        self.scheduler = self.cluster.scheduler

    def make(self) -> object:
        """Return the cluster, which has no job yet."""
        try:
            import dask_jobqueue  # noqa: PLC0415 - not every environment has it
        except ModuleNotFoundError as error:
            what = "there is no dask-jobqueue in this environment, and its workers are to be jobs of a batch queue"
            raise Fault("input", what, str(self.request["prefix"]), str(self.request["fix"])) from error
        kinds = {"slurm": dask_jobqueue.SLURMCluster, "pbs": dask_jobqueue.PBSCluster}
        kind = kinds[str(self.request["kind"])]
        return kind(
            job_cls=watched(kind.job_cls, self),
            security=Security(),
            protocol="tls://",
            scheduler_options={"dashboard_address": "127.0.0.1:0"},
            silence_logs="error",
            **self.request["options"],
        )

    def scale(self, workers: int) -> None:
        """Have this many workers, and again if one is lost."""
        self.target = workers
        self.cluster.scale(workers)

    def adapt(self, minimum: int, maximum: int) -> None:
        """Have as many workers as are needed."""
        self.target = 0
        self.cluster.adapt(minimum=minimum, maximum=maximum)

    def start(self, workers: int) -> None:
        """Return when the workers are there.

        Raises:
            Fault: a worker was refused, or a job ended without one.

        """
        self.scale(workers)
        look_s = time.monotonic() + LOOK_S
        while len(self.scheduler.workers) < workers:
            self.check()
            if self.refused is not None:
                raise Fault("tool", self.refused, str(self.request["where"]))
            if time.monotonic() > look_s:
                look_s = time.monotonic() + LOOK_S
                self.explain(self.look())
            time.sleep(TURN_S)
        threading.Thread(target=self.keep, daemon=True).start()

    def explain(self, lost: list[tuple[str, str]]) -> None:
        """Raise if a job ended too early.

        Raises:
            Fault: one did; with what it printed.

        """
        if lost:
            _, job = lost[0]
            self.check()  # it may have said why
            raise Fault("tool", f"job {job} ended before its worker came{self.log(job)}", str(self.request["where"]))

    def check(self) -> None:
        """Raise if a worker was refused.

        Raises:
            Fault: one was.

        """
        for path in sorted(Path(self.request["refusals"]).iterdir()):
            said = "\n  ".join(path.read_text(encoding="utf-8").splitlines())
            fix = "start kernel, scheduler and workers from one lock: make the SIF from this environment again"
            raise Fault("check", f"this worker is not what the client is:\n  {said}", f"job {path.name}", fix)

    def look(self) -> list[tuple[str, str]]:
        """Return the jobs that the queue no longer has and whose workers are not there either, by name."""
        with self.guard:
            known = dict(self.ids)
        if not known:
            return []
        listed = run(self.request["list"], LIST_LIMIT_S)
        if listed.returncode != 0:
            return []  # a queue that does not answer now may do so later
        waiting = {line.strip().partition(".")[0] for line in listed.stdout.splitlines()}
        here = {str(worker.name) for worker in self.scheduler.workers.values()}
        lost = []
        for name, job in known.items():
            there = job.partition(".")[0] in waiting
            connected = any(one == name or one.startswith(f"{name}-") for one in here)
            # Twice, since a job may have left the queue a moment before its worker leaves, or came after the list.
            self.missing[name] = 0 if there or connected else self.missing.get(name, 0) + 1
            if self.missing[name] >= 2:
                lost.append((name, job))
        return lost

    def keep(self) -> None:
        """Have lost jobs replaced, for ever."""
        look_s = time.monotonic() + LOOK_S
        while not self.closing:
            time.sleep(KEEP_S)
            if any(Path(self.request["refusals"]).iterdir()):
                continue  # another one would be refused as well
            if time.monotonic() > look_s:
                look_s = time.monotonic() + LOOK_S
                for name, _ in self.look():
                    self.ended(name)
            with self.guard:
                over = self.over & set(self.cluster.worker_spec)
                self.over.clear()
            if over and not self.closing:
                self.cluster.loop.add_callback(self.replace, over)

    def replace(self, names: Iterable[str]) -> None:
        """Take the jobs out of the cluster's plan. On the cluster's own loop."""
        for name in names:
            # While the name is in the plan, this moves the count of names on. A new job of the old name would not be
            # submitted: Dask still has that job, and forgets it only when a worker leaves that is called as its job.
            self.cluster.new_worker_spec()
            self.cluster.worker_spec.pop(name, None)
        if self.target:
            self.cluster.scale(self.target)

    def started(self, name: str, job: str) -> None:
        """Know of a job."""
        with self.guard:
            self.ids[name] = job

    def ended(self, name: str) -> None:
        """Know that a job has ended, or is to end."""
        with self.guard:
            self.ids.pop(name, None)
            self.missing.pop(name, None)
            self.over.add(name)

    def log(self, job: str) -> str:
        """Return the last lines that the job printed."""
        number = job.partition(".")[0]
        lines: list[str] = []
        for path in sorted(Path(self.request["options"]["log_directory"]).glob(f"*{number}*")):
            lines += path.read_text(encoding="utf-8", errors="replace").rstrip().splitlines()
        return "".join(f"\n  | {line}" for line in lines[-LAST_LINES:])

    def cancel(self) -> None:
        """Submit nothing more, and cancel every job."""
        self.closing = True
        give_up_s = time.monotonic() + SUBMIT_WAIT_S
        while self.submitting and time.monotonic() < give_up_s:
            time.sleep(0.05)
        run(self.request["cancel"], CANCEL_LIMIT_S)


def watched(job_class: type, jobs: Jobs) -> type:
    """Return the class of jobs, with what ``Jobs`` must know of each."""

    class Watched(job_class):
        def __init__(self, *args: object, security: Security | None = None, **rest: object) -> None:
            super().__init__(*args, security=None if security is None else Quoted(security), **rest)

        async def start(self) -> None:
            if jobs.closing:
                message = "this cluster is being stopped"
                raise RuntimeError(message)
            jobs.submitting += 1
            try:
                await super().start()
                jobs.started(str(self.name), str(self.job_id))
            except Exception as error:
                jobs.refused = describe(error)
                jobs.ended(str(self.name))
                raise
            finally:
                jobs.submitting -= 1

        async def close(self) -> None:
            jobs.ended(str(self.name))
            await super().close()

    return Watched


def describe(error: Exception) -> str:
    """Return why the queue took no job: the last line that its command printed."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return f"the queue took no job: {lines[-1] if lines else type(error).__name__}"


def run(words: list[str], limit_s: float) -> subprocess.CompletedProcess[str]:
    """Run a command of the queue to its end, whatever happens to this process's group meanwhile."""
    try:
        return subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=limit_s,
            start_new_session=True,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(words, 1, "", str(error))
