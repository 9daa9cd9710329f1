"""Notebooks while they run: a live table on a terminal, a line per event in a pipe, both on stderr."""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from bindery.notebooks.observer import NoObserver, Observer
from bindery.notebooks.report import first_reason, is_as_referenced, summarise_notebook, summarise_run
from bindery.notebooks.results import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rich.console import Console, RenderableType
    from rich.live import Live
    from rich.text import Text

    from bindery.notebooks.results import NotebookResult, TestRun

_SIGNS = {Outcome.PASSED: ("✓", "green"), Outcome.DIFFERS: ("≠", "red"), Outcome.TIMED_OUT: ("◷", "yellow")}
_FAULT = ("✕", "red")


def make_observer(*, quiet: bool, stream: TextIO | None = None, environ: Mapping[str, str] | None = None) -> Observer:
    """Return the display that fits the stream, which is stderr if none is given."""
    if quiet:
        return NoObserver()
    stream = sys.stderr if stream is None else stream
    environ = os.environ if environ is None else environ
    if stream.isatty() and environ.get("TERM") != "dumb":
        return TableObserver(stream, colour=not environ.get("NO_COLOR"))
    return PlainObserver(stream)


class PlainObserver:
    """One line when a notebook starts, one when it ends, one for the run: for logs."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def run_started(self, names: Sequence[str]) -> None:
        """Say how many notebooks will run."""
        self._say(f"running {len(names)} notebook{'' if len(names) == 1 else 's'}: {', '.join(names) or 'none'}")

    def notebook_started(self, name: str, cells: int) -> None:
        """Say that the notebook runs."""
        self._say(f"{name}: running {cells} cells")

    def cell_done(self, name: str, index: int, total: int) -> None:
        """Say nothing: a log with a line per cell hides what matters."""

    def notebook_finished(self, result: NotebookResult) -> None:
        """Say what became of the notebook."""
        self._say(summarise_notebook(result))

    def run_finished(self, run: TestRun, report_path: Path | None) -> None:
        """Say the verdict, and where the report is."""
        self._say(summarise_run(run))
        if report_path is not None:
            self._say(f"report: {report_path}")

    def _say(self, sentence: str) -> None:
        # A line at a time, in one call: notebooks may end at the same moment.
        self._stream.write(f"{sentence}\n")
        self._stream.flush()


@dataclass(kw_only=True, slots=True)
class _Row:
    name: str
    cells: int | None = None
    done: int = 0
    started_s: float | None = None
    result: NotebookResult | None = None


class TableObserver:
    """A table that is drawn again while notebooks run, and stays when they have ended."""

    def __init__(self, stream: TextIO, *, colour: bool) -> None:
        # rich takes longer to import than most commands take to run.
        from rich.console import Console  # noqa: PLC0415
        from rich.spinner import Spinner  # noqa: PLC0415

        self._console: Console = Console(file=stream, force_terminal=True, no_color=not colour, highlight=False)
        self._spinner = Spinner("dots")
        self._rows: dict[str, _Row] = {}
        self._lock = threading.Lock()
        self._live: Live | None = None

    def run_started(self, names: Sequence[str]) -> None:
        """Begin to draw, with a row per notebook."""
        from rich.live import Live  # noqa: PLC0415

        self._rows = {name: _Row(name=name) for name in names}
        self._live = Live(
            console=self._console,
            get_renderable=self.draw,
            refresh_per_second=8,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()
        atexit.register(self.close)  # an interrupted run leaves a cursor, too

    def notebook_started(self, name: str, cells: int) -> None:
        """Start the notebook's clock."""
        with self._lock:
            self._rows[name] = _Row(name=name, cells=cells, started_s=time.monotonic())

    def cell_done(self, name: str, index: int, total: int) -> None:
        """Count the cell."""
        with self._lock:
            row = self._rows[name]
            row.done, row.cells = index, total

    def notebook_finished(self, result: NotebookResult) -> None:
        """Show what became of the notebook, and why."""
        with self._lock:
            self._rows.setdefault(result.name, _Row(name=result.name)).result = result

    def run_finished(self, run: TestRun, report_path: Path | None) -> None:
        """Leave the table as it is, and say the verdict below it."""
        self.close()
        verdict = summarise_run(run)
        self._console.print(verdict, style="bold", markup=False, soft_wrap=True)
        if report_path is not None:
            self._console.print(f"report: {report_path}", markup=False, soft_wrap=True)

    def close(self) -> None:
        """Stop drawing; the terminal's cursor is back."""
        if self._live is not None:
            self._live.stop()
            self._live = None
            atexit.unregister(self.close)

    def draw(self) -> RenderableType:
        """Return the table as it is now."""
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        table.add_column()
        table.add_column(no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        table.add_column(ratio=1)
        with self._lock:
            rows = list(self._rows.values())
        for row in rows:
            cells = f"{row.done}/{row.cells}" if row.cells is not None else ""
            table.add_row(self._state(row), Text(row.name), cells, self._time(row), Text(self._reason(row)))
        return table

    def _state(self, row: _Row) -> Text | RenderableType:
        from rich.text import Text  # noqa: PLC0415

        if row.result is not None:
            outcome = row.result.outcome
            sign, style = _SIGNS.get(outcome, _FAULT)
            if outcome is Outcome.PASSED and not is_as_referenced(row.result):
                sign, style = _FAULT
            return Text(sign, style=style)
        return Text("·", style="dim") if row.started_s is None else self._spinner

    @staticmethod
    def _time(row: _Row) -> str:
        if row.result is not None:
            return f"{row.result.duration_s:.1f} s"
        return "" if row.started_s is None else f"{time.monotonic() - row.started_s:.1f} s"

    @staticmethod
    def _reason(row: _Row) -> str:
        if row.result is None:
            return "waiting" if row.started_s is None else "running"
        if is_as_referenced(row.result):
            return "as referenced"
        fault = row.result.failure
        kind = f"{row.result.outcome}" + (f" ({fault})" if fault and fault.value != "difference" else "")
        return f"{kind}: {first_reason(row.result)}"
