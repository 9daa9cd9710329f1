"""A cluster whose workers are jobs of a site's batch queue, made by the dask-jobqueue of the environment under test."""

from __future__ import annotations

import datetime as dt
import re
import secrets
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from bindery.clusters.certificates import make_certificates
from bindery.clusters.conversation import Conversation
from bindery.clusters.guard import read_client, refuse_differences
from bindery.clusters.job_script import local_directory, prefix_prologue, sif_prologue, sif_python
from bindery.clusters.pbs import PBS
from bindery.clusters.running import RunningCluster, StartingCluster
from bindery.clusters.slurm import SLURM
from bindery.core import BadInput, BinderyError, ToolFailed, run_process, write_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bindery.clusters.batch_queue import BatchQueue
    from bindery.clusters.identity import Identity
    from bindery.clusters.running import Started
    from bindery.core import Json
    from bindery.sif.sites import Site

QUEUES = {queue.kind: queue for queue in (SLURM, PBS)}
START_LIMIT_S = 3600.0  # jobs wait for their turn
IDENTITY_LIMIT_S = 120.0
CANCEL_LIMIT_S = 60.0
ENDING_S = 45.0  # the queue's commands may take a while, over ssh longer
DEATH_LIMIT_S = 60  # a worker without a scheduler ends by itself
_SAFE = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class JobWorkers:
    """Workers that are jobs of a site: how many, and what they run in, the SIF or else the prefix of ``python``.

    ``folders`` are seen by the workers where they are here: what notebooks write and workers read lies in them.
    ``home`` is the caller's, which ``$HOME`` in the site's file stands for.
    """

    site: Site
    workers: int
    sif: Path | None = None
    folders: tuple[Path, ...] = ()
    home: str | None = None

    def __str__(self) -> str:
        """Return the workers in words."""
        site, count = self.site, self.workers
        threads = site.cores // site.processes
        place = "in the prefix" if self.sif is None else f"in {self.sif.name}"
        return (
            f"{count} worker{'s' if count != 1 else ''}, {threads} thread{'s' if threads != 1 else ''} each, "
            f"{site.memory} a job, {QUEUES[site.scheduler].title} jobs on {site.name}, {place}"
        )


class JobCluster(RunningCluster):
    """A scheduler in the environment under test whose workers are jobs; see ``Cluster`` for the verbs."""

    def __init__(
        self, conversation: Conversation, started: Started, tls: Mapping[str, str], jobs: JobWorkers, end: _End
    ) -> None:
        super().__init__(conversation, started, tls)
        self._jobs, self._end = jobs, end

    @property
    def job_name(self) -> str:
        """The name of all its jobs, and of no other job."""
        return self._end.name

    @property
    def description(self) -> str:
        """The cluster in words."""
        return str(self._jobs)

    def stop(self) -> None:
        """End the scheduler and cancel all jobs. May be called again.

        Raises:
            ToolFailed: the queue does not answer, so that jobs may be left.

        """
        self._end.end()


class _End:
    """Ends one cluster's process and jobs, once."""

    def __init__(self, conversation: Conversation, queue: BatchQueue, environ: Mapping[str, str], folder: Path) -> None:
        self._conversation, self._queue, self._environ, self._folder = conversation, queue, environ, folder
        self.name = f"bdry-{secrets.token_hex(4)}"  # 13 characters; PBS has room for 15
        self.submitting = False

    def end(self) -> None:
        self._conversation.close(ENDING_S)  # it cancels its jobs itself
        name, submitted = self.name, self.submitting
        self.submitting = False
        if not submitted or shutil.which(self._queue.programs[0], path=self._environ.get("PATH")) is None:
            return  # there is no job, or there cannot be one
        # It may have been killed before it could.
        words = self._queue.cancel_words(name)
        try:
            run_process(words, env=self._environ, cwd=self._folder, timeout_s=CANCEL_LIMIT_S)
        except BinderyError as error:
            fix = f"look for jobs named {name}, and cancel them with {self._queue.programs[-1]}"
            raise ToolFailed(f"jobs may be left: {error.what}", self._queue.title, fix) from error


def begin_job_cluster(
    python: Path,
    environ: Mapping[str, str],
    jobs: JobWorkers,
    *,
    lock_digest: str,
    folder: Path,
    python_path: tuple[Path, ...] = (),
) -> StartingCluster[JobCluster]:
    """Return a cluster that is coming up: its scheduler here, its workers in jobs.

    ``python`` is the client's and the scheduler's, ``environ`` what their processes see, ``lock_digest`` the client's
    lock, empty where there is none. ``folder`` is made (0700) on a file system that the nodes share; it holds the
    certificates and what the jobs print.

    Raises:
        BadInput: the folder's path cannot stand in a job script.
        ToolFailed: the interpreter cannot be started, or the disk is full.

    """
    if not _SAFE.fullmatch(str(folder)):
        what = "has characters that dask-jobqueue would hand to the shell unquoted"
        raise BadInput(what, str(folder), f"give another folder as scratch in {jobs.site.path}")
    folder.mkdir(mode=0o700, parents=True)
    for name in ("refusals", "jobs"):
        (folder / name).mkdir()
    queue = QUEUES[jobs.site.scheduler]
    certificates = make_certificates(folder / "certificates", dt.datetime.now(dt.UTC))
    client_tls = certificates.environ("CLIENT")
    own = {
        "DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "True",
        # A sample of every thread's stack, 100 times a second, for a page that nobody looks at.
        "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
    }
    tls = {**certificates.environ("SCHEDULER", "WORKER", "CLIENT"), **own}
    handed = {name: value for name, value in environ.items() if name != "TMPDIR"}
    handed |= {} if jobs.home is None else {"HOME": jobs.home}
    conversation = Conversation(python, {**environ, **tls}, folder)
    end = _End(conversation, queue, handed, folder)

    def come_up(limit_s: float | None) -> JobCluster:
        client = read_client(python, environ, folder, lock_digest)
        scheduler = cast("Identity", conversation.ask({"do": "identity"}, IDENTITY_LIMIT_S))
        refuse_differences(client, scheduler, "the scheduler")
        preload = _write_preload(folder, client, python_path)
        name, end.submitting = end.name, True
        request: dict[str, Json] = {
            "do": "submit",
            "kind": queue.kind,
            "workers": jobs.workers,
            "home": handed.get("HOME", ""),
            "python_path": [str(path) for path in python_path],
            "list": cast("list[Json]", queue.list_words(name)),
            "cancel": cast("list[Json]", queue.cancel_words(name)),
            "refusals": str(folder / "refusals"),
            "where": str(jobs.site.path),
            "prefix": str(python),
            "fix": "the environment hpc has it: bindery test -e hpc",
            "options": plan_options(jobs, environ.get("HOME", ""), python, name, own, preload),
        }
        started = cast("Started", conversation.ask(request, START_LIMIT_S if limit_s is None else limit_s))
        return JobCluster(conversation, started, client_tls, jobs, end)

    return StartingCluster(come_up, end.end)


def plan_options(
    jobs: JobWorkers, home: str, python: Path, name: str, own: Mapping[str, str], preload: Path
) -> dict[str, Json]:
    """Return what dask-jobqueue is told, in its own words.

    ``own`` are variables of the workers. In a prefix, ``home`` is theirs: nobody's settings of Dask are in it.
    """
    site, folder = jobs.site, preload.parent
    if jobs.sif is None:
        prefix = python.parent.parent
        line = f"HOME={shlex.quote(home)} {shlex.quote(f'{prefix}/bin/python')}"
        prologue = prefix_prologue(site, prefix, own)
    else:
        line, prologue = sif_python(site, jobs.sif, (folder, *jobs.folders)), sif_prologue(site, own)
    return {
        "queue": site.queue,
        "account": site.account,
        "walltime": site.walltime,
        "cores": site.cores,
        "processes": site.processes,
        "memory": site.memory,
        "interface": site.interface,
        "python": line,
        "job_name": name,
        "job_script_prologue": cast("list[Json]", list(prologue)),
        "job_extra_directives": cast("list[Json]", list(site.directives)),
        "log_directory": str(folder / "jobs"),
        "local_directory": local_directory(site),
        "death_timeout": DEATH_LIMIT_S,
        "worker_extra_args": ["--preload", str(preload), "--dashboard-address", "127.0.0.1:0"],
    }


def _write_preload(folder: Path, client: Identity, python_path: tuple[Path, ...]) -> Path:
    """Write what workers load before they register, and return its path."""
    source = Path(__file__).with_name("identity.py").read_text(encoding="utf-8")
    paths = [str(path) for path in python_path]
    text = f"{source}\n\nadmit({dict(client)!r}, {str(folder / 'refusals')!r}, {paths!r})\n"
    path = folder / "admit.py"
    write_file(path, text.encode(), 0o600)
    return path
