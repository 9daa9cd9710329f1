"""A cluster of processes on this machine."""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict, cast

from bindery.clusters.certificates import make_certificates
from bindery.clusters.conversation import Conversation
from bindery.clusters.metrics import ClusterMetrics, MemorySample, TaskSpan

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from bindery.core import Json

SOCKET_PATH_LIMIT = 100  # of 107 that Linux has, and 103 that macOS has
START_LIMIT_S = 120.0
ANSWER_LIMIT_S = 60.0


class _Started(TypedDict):
    address: str
    dashboard: str | None
    workers: int


class _Counts(TypedDict):
    graphs: int
    tasks_submitted: int
    tasks_done: dict[str, int]
    tasks_failed: int
    output_bytes_by_prefix: dict[str, int]
    transferred_bytes: int
    peak_memory_bytes: int
    spans: list[tuple[str, int, str, str, float, float]]
    memory: list[tuple[float, int, int]]


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


class LocalCluster:
    """A scheduler and workers that are processes of the environment under test; see ``Cluster`` for the verbs."""

    def __init__(
        self, conversation: Conversation, started: _Started, size: ClusterSize, tls: Mapping[str, str]
    ) -> None:
        self._conversation = conversation
        self._size = size
        self.address = started["address"]
        self.dashboard = started["dashboard"]
        self.environ: Mapping[str, str] = {"DASK_SCHEDULER_ADDRESS": self.address, **tls}

    @property
    def description(self) -> str:
        """The cluster in words."""
        return f"{self._size}, on this machine"

    @property
    def pid(self) -> int:
        """The scheduler's process, which leads the group of all the cluster's processes."""
        return self._conversation.pid

    def scale(self, workers: int) -> None:
        """Have it grow or shrink to this many workers; they come and go in the background."""
        self._ask({"do": "scale", "workers": workers})

    def adapt(self, minimum: int, maximum: int) -> None:
        """Have it choose the number of workers between the two by its load."""
        self._ask({"do": "adapt", "minimum": minimum, "maximum": maximum})

    def metrics(self, client_name: str) -> ClusterMetrics:
        """Return what the clients with this ``DASK_CLIENT_NAME`` had it do; zeros if there were none."""
        counts = cast("_Counts", self._ask({"do": "metrics", "client": client_name}))
        return ClusterMetrics(
            graphs=counts["graphs"],
            tasks_submitted=counts["tasks_submitted"],
            tasks_done=counts["tasks_done"],
            tasks_failed=counts["tasks_failed"],
            output_bytes=sum(counts["output_bytes_by_prefix"].values()),
            output_bytes_by_prefix=counts["output_bytes_by_prefix"],
            transferred_bytes=counts["transferred_bytes"],
            peak_memory_bytes=counts["peak_memory_bytes"],
            spans=tuple(
                TaskSpan(worker=worker, thread=thread, prefix=prefix, action=action, start_s=start, stop_s=stop)
                for worker, thread, prefix, action, start, stop in counts["spans"]
            ),
            memory=tuple(
                MemorySample(time_s=time_s, used_bytes=used, spilled_bytes=spilled)
                for time_s, used, spilled in counts["memory"]
            ),
        )

    def evict(self, client_name: str) -> None:
        """Forget the clients of this name; workers still busy for them are restarted."""
        self._ask({"do": "evict", "client": client_name})

    def stop(self) -> None:
        """End the scheduler and all workers. May be called again."""
        self._conversation.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def _ask(self, request: dict[str, Json]) -> Json:
        return self._conversation.ask(request, ANSWER_LIMIT_S)


class StartingCluster:
    """A cluster whose process runs, and whose workers may not have come up yet. ``stop`` works from any thread."""

    def __init__(
        self, conversation: Conversation, request: dict[str, Json], size: ClusterSize, tls: Mapping[str, str]
    ) -> None:
        self._conversation, self._request, self._size, self._tls = conversation, request, size, tls

    def finish(self, limit_s: float = START_LIMIT_S) -> LocalCluster:
        """Return the cluster once all workers are there.

        Raises:
            ToolFailed: a worker did not come up in time, or the process ended; with the last lines of its stderr.

        """
        try:
            started = cast("_Started", self._conversation.ask(self._request, limit_s))
        except BaseException:
            self.stop()
            raise
        return LocalCluster(self._conversation, started, self._size, self._tls)

    def stop(self) -> None:
        """End all that was started. May be called again."""
        self._conversation.close()


def begin_cluster(
    python: Path,
    environ: Mapping[str, str],
    *,
    size: ClusterSize,
    folder: Path,
    python_path: tuple[Path, ...] = (),
) -> StartingCluster:
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
    return StartingCluster(conversation, request, size, certificates.environ("CLIENT"))


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
