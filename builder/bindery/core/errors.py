"""What can go wrong, and what to do about it.

    BinderyError               70  our own bug, when raised as itself
    ├── CheckFailed             1  the thing checked does not hold
    ├── WrongUse                2  the command line was used wrongly
    ├── BadInput                3  a file that somebody wrote, or a server sent, is wrong
    └── ToolFailed              4  a tool, the network or the disk failed

Errors cross processes, so every argument reaches ``Exception.__init__`` by position.
"""

from __future__ import annotations

from typing import ClassVar


class BinderyError(Exception):
    """Say what is wrong, where, and what to do."""

    exit_code: ClassVar[int] = 70

    def __init__(self, what: str, where: str = "", fix: str = "") -> None:
        super().__init__(what, where, fix)
        self.what = what
        self.where = where
        self.fix = fix

    def __str__(self) -> str:
        """Return ``where: what``, and the fix on a line of its own."""
        sentence = f"{self.where}: {self.what}" if self.where else self.what
        return f"{sentence}\n  fix: {self.fix}" if self.fix else sentence


class CheckFailed(BinderyError):
    """The thing checked does not hold: a notebook differs, a lock is stale."""

    exit_code = 1


class WrongUse(BinderyError):
    """The command was called with words it does not know or cannot combine."""

    exit_code = 2


class BadInput(BinderyError):
    """A file, a download or an answer is not what it must be."""

    exit_code = 3


class ToolFailed(BinderyError):
    """A program, the network or the disk failed."""

    exit_code = 4
