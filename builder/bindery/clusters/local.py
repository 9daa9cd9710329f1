"""A cluster of processes on this machine."""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from bindery.clusters.certificates import make_certificates
from bindery.clusters.conversation import Conversation
from bindery.clusters.running import RunningCluster, StartingCluster

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bindery.clusters.running import Started
    from bindery.core import Json

SOCKET_PATH_LIMIT = 100  # of 107 that Linux has, and 103 that macOS has
START_LIMIT_S = 120.0


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterSize:
    """How many workers, and how large; memory in Dask's words: ``2GiB``."""

    workers: int = 2
    threads_per_worker: int = 1
    memory_per_worker: str = "2GiB"

    def __str__(self) -> str:
        """Return the size in words."""
        workers, threads = self.workers, self.threads_per_worker
        return (
            f"{workers} worker{'s' if workers != 1 else ''}, "
            f"{threads} thread{'s' if threads != 1 else ''} each, {self.memory_per_worker} each"
        )


class LocalCluster(RunningCluster):
    """A scheduler and workers that are processes of the environment under test; see ``Cluster`` for the verbs."""

    def __init__(self, conversation: Conversation, started: Started, size: ClusterSize, tls: Mapping[str, str]) -> None:
        super().__init__(conversation, started, tls)
        self._size = size

    @property
    def description(self) -> str:
        """The cluster in words."""
        return f"{self._size}, on this machine"


def begin_cluster(
    python: Path,
    environ: Mapping[str, str],
    *,
    size: ClusterSize,
    folder: Path,
    python_path: tuple[Path, ...] = (),
) -> StartingCluster[LocalCluster]:
    """Return a cluster that is coming up.

    ``python`` is the environment's, ``environ`` what its processes see. ``folder`` is made (0700) and holds the
    certificates and what workers spill. ``python_path`` is put before the workers' own: modules that notebooks
    import from their own folder, and so send to workers by name only.

    Raises:
        ToolFailed: the interpreter cannot be started, or the disk is full.

    """
    folder.mkdir(mode=0o700, parents=True)
    spill = folder / "workers"
    spill.mkdir()
    certificates = make_certificates(folder / "certificates", dt.datetime.now(dt.UTC))
    tls = {
        **certificates.environ("SCHEDULER", "WORKER", "CLIENT"),
        "DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "True",
        # A sample of every thread's stack, 100 times a second, for a page that nobody looks at.
        "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
        "DASK_DISTRIBUTED__WORKER__MULTIPROCESSING_METHOD": _choose_method(environ),
    }
    request: dict[str, Json] = {
        "do": "start",
        "workers": size.workers,
        "threads": size.threads_per_worker,
        "memory": size.memory_per_worker,
        "folder": str(spill),
        "python_path": [str(path) for path in python_path],
    }
    conversation = Conversation(python, {**environ, **tls}, folder)

    def come_up(limit_s: float | None) -> LocalCluster:
        started = cast("Started", conversation.ask(request, START_LIMIT_S if limit_s is None else limit_s))
        return LocalCluster(conversation, started, size, certificates.environ("CLIENT"))

    return StartingCluster(come_up, conversation.close)


def _choose_method(environ: Mapping[str, str]) -> str:
    """Return how workers are started: forked from one process that has imported Dask, which takes half the time.

    That process listens on a socket in the temporary folder; where its path would be too long, each worker imports
    Dask itself. Source: Python's ``multiprocessing.util.get_temp_dir`` and ``connection.arbitrary_address``.
    """
    socket = f"{environ.get('TMPDIR') or '/tmp'}/pymp-12345678/listener-12345678"  # noqa: S108 - Python's own default
    return "forkserver" if len(os.fsencode(socket)) < SOCKET_PATH_LIMIT else "spawn"


def start_cluster(
    python: Path,
    environ: Mapping[str, str],
    *,
    size: ClusterSize,
    folder: Path,
    python_path: tuple[Path, ...] = (),
    limit_s: float = START_LIMIT_S,
) -> LocalCluster:
    """Return a running cluster whose workers have all come up; see ``begin_cluster`` for the arguments.

    Raises:
        ToolFailed: a worker did not come up in time, or the process ended; with the last lines of its stderr.

    """
    return begin_cluster(python, environ, size=size, folder=folder, python_path=python_path).finish(limit_s)
