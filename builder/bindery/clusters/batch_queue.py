"""A batch queue, as far as a cluster needs to know it: how the jobs of one name are listed and cancelled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

QueueKind = Literal["slurm", "pbs"]
_NAME = "{name}"


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchQueue:
    """One kind of queue. In the commands' words ``{name}`` stands for the jobs' name.

    ``programs`` are what it is used by; ``listing`` prints the numbers of jobs that wait or run, one a line, and its
    status is not 0 where the queue does not answer; ``cancelling`` ends them, and finding none is no fault.
    """

    kind: QueueKind
    title: str
    programs: tuple[str, ...]
    listing: tuple[str, ...]
    cancelling: tuple[str, ...]

    def list_words(self, name: str) -> list[str]:
        """Return the command that lists the jobs of this name."""
        return [word.replace(_NAME, name) for word in self.listing]

    def cancel_words(self, name: str) -> list[str]:
        """Return the command that cancels the jobs of this name."""
        return [word.replace(_NAME, name) for word in self.cancelling]
