"""What clusters have in common that Bindery starts: a process in the environment under test that answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypedDict, TypeVar, cast

from bindery.clusters.metrics import ClusterMetrics, MemorySample, TaskSpan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType
    from typing import Self

    from bindery.clusters.conversation import Conversation
    from bindery.core import Json

ANSWER_LIMIT_S = 60.0


class Started(TypedDict):
    """What is said of a cluster that has come up."""

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


class RunningCluster:
    """A scheduler that is a process of the environment under test; see ``Cluster`` for the verbs."""

    def __init__(self, conversation: Conversation, started: Started, tls: Mapping[str, str]) -> None:
        self._conversation = conversation
        self.address = started["address"]
        self.dashboard = started["dashboard"]
        self.environ: Mapping[str, str] = {"DASK_SCHEDULER_ADDRESS": self.address, **tls}

    @property
    def pid(self) -> int:
        """The scheduler's process, which leads the group of what it has started on this machine."""
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


C_co = TypeVar("C_co", bound=RunningCluster, covariant=True)


class StartingCluster(Generic[C_co]):
    """A cluster whose process runs, and whose workers may not have come up yet. ``stop`` works from any thread."""

    def __init__(self, come_up: Callable[[float | None], C_co], stop: Callable[[], None]) -> None:
        self._come_up, self._stop = come_up, stop

    def finish(self, limit_s: float | None = None) -> C_co:
        """Return the cluster once all workers are there; without a limit, its kind's own holds.

        Raises:
            CheckFailed: the workers are not of the environment that the client is of.
            ToolFailed: a worker did not come up in time, or the process ended; with the last lines of its stderr.

        """
        try:
            return self._come_up(limit_s)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End all that was started. May be called again."""
        self._stop()
