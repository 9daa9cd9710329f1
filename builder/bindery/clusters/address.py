"""A cluster that somebody else runs, known by its scheduler's address."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict, cast

from bindery.clusters.conversation import Conversation
from bindery.core import ToolFailed, WrongUse

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType
    from typing import Self

CONNECT_LIMIT_S = 60.0


class _Found(TypedDict):
    workers: int
    threads: int


class AddressCluster:
    """A scheduler that was there before us and stays; see ``Cluster`` for the verbs."""

    def __init__(self, address: str, found: _Found) -> None:
        self._found = found
        self.address = address
        self.dashboard: str | None = None
        self.environ: Mapping[str, str] = {"DASK_SCHEDULER_ADDRESS": address}

    @property
    def description(self) -> str:
        """The cluster in words."""
        workers, threads = self._found["workers"], self._found["threads"]
        return (
            f"{workers} worker{'s' if workers != 1 else ''}, "
            f"{threads} thread{'s' if threads != 1 else ''} in all, at {self.address}"
        )

    def scale(self, workers: int) -> None:
        """Refuse.

        Raises:
            WrongUse: always.

        """
        raise WrongUse(f"cannot scale to {workers} workers: somebody else runs this cluster", self.address)

    def adapt(self, minimum: int, maximum: int) -> None:
        """Refuse.

        Raises:
            WrongUse: always.

        """
        raise WrongUse(f"cannot adapt between {minimum} and {maximum}: somebody else runs this cluster", self.address)

    def metrics(self, client_name: str) -> None:
        """Return None: nothing of ours counts in that scheduler."""
        del client_name

    def evict(self, client_name: str) -> None:
        """Leave it to that scheduler, which forgets a client when its connection ends."""
        del client_name

    def stop(self) -> None:
        """Leave it running."""

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave it running."""


def connect_cluster(
    python: Path, environ: Mapping[str, str], address: str, *, folder: Path, limit_s: float = CONNECT_LIMIT_S
) -> AddressCluster:
    """Return the cluster at the address, once the environment's own Dask has talked to it and found workers.

    Certificates, where that scheduler wants them, come from the ``DASK_DISTRIBUTED__COMM__TLS__*`` variables in
    ``environ``.

    Raises:
        ToolFailed: nobody answers, or there is no worker.

    """
    conversation = Conversation(python, environ, folder)
    try:
        found = cast("_Found", conversation.ask({"do": "connect", "address": address}, limit_s))
    finally:
        conversation.close()
    if found["workers"] == 0:
        raise ToolFailed("the scheduler has no workers", address, "start some, or leave --scheduler out")
    return AddressCluster(address, found)
