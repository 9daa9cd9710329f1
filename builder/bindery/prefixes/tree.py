"""The files of a prefix as they must be: values only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bindery.prefixes.contents import PythonLayout

EXECUTABLE, PLAIN = 0o755, 0o644
WRITE_BITS = 0o222


@dataclass(frozen=True, slots=True)
class ExpectedFile:
    """A file: the package that it comes from, its bytes, and its mode (0o755 or 0o644)."""

    package: str
    sha256: str
    size_bytes: int
    mode: int


@dataclass(frozen=True, slots=True)
class ExpectedLink:
    """A symbolic link, and the text that it holds."""

    package: str
    target: str


@dataclass(frozen=True, slots=True)
class ExpectedBytecode:
    """Python's compiled form of the source; there is none if the source cannot be compiled. Paths as in the tree."""

    package: str
    source: str


Expected = ExpectedFile | ExpectedLink | ExpectedBytecode


@dataclass(frozen=True, kw_only=True, slots=True)
class ExpectedTree:
    """Every path of a prefix (relative, with ``/``), and nothing else, as it follows from a lock.

    ``prefix`` is the path that its files name as their own. ``losers`` are paths that several packages have: the
    first by name has it, the others' bytes are nowhere.
    """

    prefix: str
    platform: str
    python: PythonLayout | None
    entries: Mapping[str, Expected]
    losers: Mapping[str, tuple[str, ...]]

    @property
    def sources(self) -> tuple[str, ...]:
        """The Python files that are compiled, sorted."""
        return tuple(sorted(entry.source for entry in self.entries.values() if isinstance(entry, ExpectedBytecode)))
