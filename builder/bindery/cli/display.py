"""Progress and messages on stderr: bars on a terminal, plain lines in a pipe, nothing but errors with ``--quiet``."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from bindery.core import NoProgress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from bindery.core import Progress, Task, Unit

PLAIN_INTERVAL_S = 10.0


def make_progress(*, quiet: bool) -> Progress:
    """Return the display that fits this process's stderr."""
    if quiet:
        return NoProgress()
    return TerminalProgress() if sys.stderr.isatty() else PlainProgress()


class PlainProgress:
    """One line when work begins, one now and then, one when it ends: for logs."""

    def say(self, sentence: str) -> None:
        """Print the sentence."""
        click.echo(sentence, err=True)

    @contextmanager
    def task(self, label: str, total: int | None, unit: Unit) -> Iterator[Task]:
        """Print how far the work is, every ten seconds and at its end."""
        counter = _PlainTask(label, total, unit)
        yield counter
        counter.finish()


class _PlainTask:
    def __init__(self, label: str, total: int | None, unit: Unit) -> None:
        self._label, self._total, self._unit = label, total, unit
        self._done = 0
        self._start_s = self._shown_s = time.monotonic()

    def advance(self, amount: int = 1) -> None:
        self._done += amount
        now_s = time.monotonic()
        if now_s - self._shown_s >= PLAIN_INTERVAL_S:
            self._shown_s = now_s
            click.echo(f"{self._label}: {self._counted()}", err=True)

    def finish(self) -> None:
        took_s = time.monotonic() - self._start_s
        click.echo(f"{self._label}: {self._counted()}, {took_s:.1f} s", err=True)

    def _counted(self) -> str:
        if self._unit == "bytes":
            done, total = f"{self._done / 1e6:.1f}", None if self._total is None else f"{self._total / 1e6:.1f} MB"
            return f"{done} MB" if total is None else f"{done} of {total}"
        return f"{self._done} {self._unit}" if self._total is None else f"{self._done} of {self._total} {self._unit}"


class TerminalProgress:
    """Bars that move, and are replaced by one line when their work has ended."""

    def __init__(self) -> None:
        self._bars: Bars | None = None

    def say(self, sentence: str) -> None:
        """Print the sentence above any bars."""
        if self._bars is None:
            click.echo(sentence, err=True)
        else:
            self._bars.console.print(sentence, markup=False, highlight=False)

    @contextmanager
    def task(self, label: str, total: int | None, unit: Unit) -> Iterator[Task]:
        """Show a bar while the context lasts; tasks may run inside tasks."""
        if self._bars is not None:
            yield _Bar(self._bars, self._bars.add_task(label, total=total))
            return
        with _make_bars(unit) as bars:
            self._bars = bars
            try:
                yield _Bar(bars, bars.add_task(label, total=total))
            finally:
                self._bars = None


class _Bar:
    def __init__(self, bars: Bars, task: TaskID) -> None:
        self._bars, self._task = bars, task

    def advance(self, amount: int = 1) -> None:
        self._bars.advance(self._task, amount)


def _make_bars(unit: Unit) -> Bars:
    # rich.progress takes longer to import than most commands take to run.
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415
    from rich.progress import Progress as RichProgress  # noqa: PLC0415

    count = DownloadColumn() if unit == "bytes" else MofNCompleteColumn()
    return RichProgress(
        TextColumn("{task.description}"),
        BarColumn(),
        count,
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )
