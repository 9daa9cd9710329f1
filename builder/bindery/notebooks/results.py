"""What became of notebooks: the values that comparing and executing make, and reports show."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from bindery.clusters import ClusterMetrics
    from bindery.core import Json


class Outcome(StrEnum):
    """How a notebook, or a cell of it, ended."""

    PASSED = "passed"
    DIFFERS = "differs"
    RAISED = "raised"
    TIMED_OUT = "timed out"
    KERNEL_DIED = "kernel died"
    UNREADABLE = "unreadable"
    NO_KERNEL = "no kernel"
    NOT_RUN = "not run"


class FailureClass(StrEnum):
    """Whose fault it is: which part a person has to look at."""

    ENVIRONMENT = "environment"
    DATA = "data"
    CODE = "code"
    DIFFERENCE = "difference"


@dataclass(frozen=True, kw_only=True, slots=True)
class Mismatch:
    """One output of a cell that is not as referenced.

    ``part`` is a MIME type, ``stdout``, ``stderr``, ``error``, ``outputs``, ``source`` or ``execution_count``.
    ``reference`` and ``actual`` are what stood there (base64 for images), None where there was nothing. ``picture`` is
    a PNG in base64 that marks where two images differ.
    """

    part: str
    reason: str
    reference: str | None
    actual: str | None
    picture: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CellResult:
    """One code cell, as executed. ``index`` counts all cells of the notebook from 0.

    ``outputs`` and ``reference_outputs`` are nbformat 4 outputs. ``message`` says in a sentence why the outcome is
    not ``PASSED``. ``compared`` is False where there was no reference to compare with (tagged so, or not run).
    """

    index: int
    source: str
    outcome: Outcome
    compared: bool
    duration_s: float | None
    message: str
    mismatches: tuple[Mismatch, ...]
    reference_outputs: tuple[dict[str, Json], ...]
    outputs: tuple[dict[str, Json], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class NotebookResult:
    """One notebook. ``failure`` is None exactly when the outcome is ``PASSED``.

    Once its run has ended, ``path`` starts at the project's root.
    """

    name: str
    path: Path
    outcome: Outcome
    failure: FailureClass | None
    message: str
    cells: tuple[CellResult, ...]
    duration_s: float
    metrics: ClusterMetrics | None
    executed: Path | None


@dataclass(frozen=True, kw_only=True, slots=True)
class TestRun:
    """All notebooks of one call, and what they ran on."""

    __test__ = False  # pytest would collect it

    environment: str
    release: str | None
    packages: str  # "conda-forge" or "wheels"
    lock_digest: str
    platform: str
    python: str
    versions: dict[str, str]  # of the packages people ask for first: xarray, dask, numpy …
    cluster: str  # in words: "2 workers, 1 thread each, 2 GiB each, on this machine"
    started_epoch_s: int
    duration_s: float
    notebooks: tuple[NotebookResult, ...]

    @property
    def passed(self) -> bool:
        """Whether there was something to run, all of it ran, and all of it was as referenced."""
        return bool(self.notebooks) and all(one.outcome is Outcome.PASSED for one in self.notebooks)
