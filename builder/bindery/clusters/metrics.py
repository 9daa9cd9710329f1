"""What a Dask cluster did for one client: counted on its scheduler, handed over as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskSpan:
    """One thing that one worker thread did. Times are seconds since the client's first graph."""

    worker: str
    thread: int
    prefix: str
    action: str  # compute, transfer, disk-read, disk-write, deserialize
    start_s: float
    stop_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class MemorySample:
    """Memory of all workers' processes together, at a time in seconds since the client's first graph."""

    time_s: float
    used_bytes: int
    spilled_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterMetrics:
    """What one client (so one notebook) had the cluster do.

    Stable from run to run: ``graphs``, ``tasks_submitted``, ``tasks_done`` and ``output_bytes*``. Not stable:
    ``transferred_bytes``, ``peak_memory_bytes`` and every time.
    """

    graphs: int
    tasks_submitted: int
    tasks_done: dict[str, int]  # by key prefix
    tasks_failed: int
    output_bytes: int
    transferred_bytes: int
    peak_memory_bytes: int
    spans: tuple[TaskSpan, ...]
    memory: tuple[MemorySample, ...]
    output_bytes_by_prefix: dict[str, int] = field(default_factory=dict)  # adds up to output_bytes
