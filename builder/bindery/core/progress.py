"""How work far below the command line says how far it is. The command line decides what is shown."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

Unit = Literal["bytes", "packages", "files", "notebooks", "steps"]


class Task(Protocol):
    """A piece of work that is being counted."""

    def advance(self, amount: int = 1) -> None:
        """Count what was done since the last call."""


class Progress(Protocol):
    """Where work reports to."""

    def say(self, sentence: str) -> None:
        """Show one line that stays."""

    def task(self, label: str, total: int | None, unit: Unit) -> AbstractContextManager[Task]:
        """Count up to the total (None if it is not known) while the context lasts."""


class _Silent:
    def advance(self, amount: int = 1) -> None:
        del amount


class NoProgress:
    """Says nothing: for tests and for callers that have their own display."""

    def say(self, sentence: str) -> None:
        """Drop the line."""
        del sentence

    @contextmanager
    def task(self, label: str, total: int | None, unit: Unit) -> Iterator[Task]:
        """Count for nobody."""
        del label, total, unit
        yield _Silent()
