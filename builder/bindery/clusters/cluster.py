"""What every kind of cluster can do: the same verbs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Self

    from bindery.clusters.metrics import ClusterMetrics


class Cluster(Protocol):
    """A running cluster, and a context that stops it."""

    @property
    def environ(self) -> Mapping[str, str]:
        """What a kernel needs in its environment, so that ``Client()`` finds the cluster and may use it."""

    @property
    def address(self) -> str:
        """Where its scheduler listens."""

    @property
    def dashboard(self) -> str | None:
        """Its dashboard's URL, if it has one."""

    @property
    def description(self) -> str:
        """The cluster in words, for a report."""

    def scale(self, workers: int) -> None:
        """Have it grow or shrink to this many workers."""

    def adapt(self, minimum: int, maximum: int) -> None:
        """Have it choose the number of workers between the two by its load."""

    def metrics(self, client_name: str) -> ClusterMetrics | None:
        """Return what the clients with this ``DASK_CLIENT_NAME`` had it do; None if this kind cannot count."""

    def evict(self, client_name: str) -> None:
        """Forget the clients of this name; workers still busy for them are restarted."""

    def stop(self) -> None:
        """End what was started. May be called again."""

    def __enter__(self) -> Self:
        """Return itself."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
