"""What every measurement shares: a case, a timed program, and the table."""

from __future__ import annotations

import os
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bindery.core import run_process

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ROOT = Path(__file__).parent.parent
LIMIT_S = 1800.0
QUICK_RUNS = 5
NOT_HELD = "NOT HELD"


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """What each side took, in the case's unit: of a time, by the wall's clock."""

    ours: float
    theirs: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One comparison. ``ratio`` is what ours may take at most, as a part of theirs; None where nothing is promised."""

    name: str
    beside: str
    ratio: float | None
    measure: Callable[[Place], Measured]
    unit: str = "s"


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a case works: a folder of its own, and a store that only measurements use."""

    folder: Path
    store: Path
    env: Mapping[str, str] = field(default_factory=dict)

    def time(
        self, *words: str | Path, env: Mapping[str, str] | None = None, cwd: Path = ROOT, check: bool = True
    ) -> float:
        """Return the seconds that the program took.

        Raises:
            ToolFailed: it failed, and ``check`` is set.

        """
        start_s = time.monotonic()
        run_process(words, env={**self.environ, **(env or {})}, cwd=cwd, timeout_s=LIMIT_S, check=check)
        return time.monotonic() - start_s

    def quick(self, *words: str | Path, env: Mapping[str, str] | None = None, cwd: Path = ROOT) -> float:
        """Return the median of some runs."""
        return statistics.median(self.time(*words, env=env, cwd=cwd) for _ in range(QUICK_RUNS))

    def output(self, *words: str | Path) -> str:
        """Return what the program printed to stdout."""
        return run_process(words, env=self.environ, cwd=ROOT, timeout_s=LIMIT_S).stdout.decode().strip()

    @property
    def environ(self) -> dict[str, str]:
        """The variables of every program."""
        return {**os.environ, "BINDERY_STORE": str(self.store), **self.env}


def program(name: str) -> Path:
    """Return a program of the virtual environment that runs the measurements."""
    return Path(sys.executable).with_name(name)


def render(rows: Sequence[Sequence[str]]) -> str:
    """Return the rows as a table in Markdown, aligned."""
    head = ("case", "beside", "ours", "theirs", "ratio", "to hold", "")
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    lines = [head, tuple("-" * width for width in widths), *rows]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )


def describe(case: Case, measured: Measured) -> tuple[str, ...]:
    """Return the row of a case."""
    ratio = measured.ours / measured.theirs
    ours, theirs = f"{measured.ours:.2f} {case.unit}", f"{measured.theirs:.2f} {case.unit}"
    if case.ratio is None:
        return case.name, case.beside, ours, theirs, f"{ratio:.2f}", "", ""
    held = "held" if ratio <= case.ratio else NOT_HELD
    return case.name, case.beside, ours, theirs, f"{ratio:.2f}", f"{case.ratio:.2f}", held
