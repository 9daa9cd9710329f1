"""Who is told how far the notebooks are, while they run. The command line decides what is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bindery.notebooks.results import NotebookResult, TestRun


class Observer(Protocol):
    """Is called in this order, once per event; notebooks may run beside each other, in any thread."""

    def run_started(self, names: Sequence[str]) -> None:
        """Know which notebooks will run, in the order in which they were asked for."""

    def notebook_started(self, name: str, cells: int) -> None:
        """Know that the notebook is being executed, and how many code cells it has."""

    def cell_done(self, name: str, index: int, total: int) -> None:
        """Know that the code cell with this number, from 1 to ``total``, has ended."""

    def notebook_finished(self, result: NotebookResult) -> None:
        """Know what became of the notebook."""

    def run_finished(self, run: TestRun, report_path: Path | None) -> None:
        """Know that all has ended, and where the report is, if one was written."""


class NoObserver:
    """Tells nobody."""

    def run_started(self, names: Sequence[str]) -> None:
        """Drop it."""

    def notebook_started(self, name: str, cells: int) -> None:
        """Drop it."""

    def cell_done(self, name: str, index: int, total: int) -> None:
        """Drop it."""

    def notebook_finished(self, result: NotebookResult) -> None:
        """Drop it."""

    def run_finished(self, run: TestRun, report_path: Path | None) -> None:
        """Drop it."""
