"""A JSON document, read key by key: what is wrong is said with the path of keys that leads to it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from bindery.core import BadInput

if TYPE_CHECKING:
    from bindery.core import Json

_Word = TypeVar("_Word", bound=StrEnum)


class Node:
    """A value of the document, and the keys that lead to it.

    Every method raises ``BadInput``, with those keys, where the value is of another type.
    """

    __slots__ = ("_path", "_where", "value")

    def __init__(self, value: Json, where: str, path: str = "") -> None:
        self.value, self._where, self._path = value, where, path

    def key(self, name: str) -> Node:
        """Return the value below the key."""
        table = self.table()
        path = f"{self._path}.{name}" if self._path else name
        if name not in table:
            raise BadInput(f"{path} is missing", self._where)
        return Node(table[name], self._where, path)

    def items(self) -> list[tuple[str, Node]]:
        """Return the keys and the values below them."""
        return [(name, self.key(name)) for name in self.table()]

    def rows(self) -> list[Node]:
        """Return the values of a list."""
        if not isinstance(self.value, list):
            raise self._wrong("a list")
        return [Node(one, self._where, f"{self._path}[{number}]") for number, one in enumerate(self.value)]

    def columns(self, count: int) -> list[Node]:
        """Return the values of a list that has this many."""
        found = self.rows()
        if len(found) != count:
            raise self._wrong(f"a list of {count}")
        return found

    def table(self) -> dict[str, Json]:
        """Return an object."""
        if not isinstance(self.value, dict):
            raise self._wrong("an object")
        return self.value

    def text(self) -> str:
        """Return a string."""
        if not isinstance(self.value, str):
            raise self._wrong("a string")
        return self.value

    def text_or_none(self) -> str | None:
        """Return a string, or None for null."""
        return None if self.value is None else self.text()

    def flag(self) -> bool:
        """Return true or false."""
        if not isinstance(self.value, bool):
            raise self._wrong("true or false")
        return self.value

    def integer(self) -> int:
        """Return a whole number."""
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            raise self._wrong("a whole number")
        return self.value

    def number(self) -> float:
        """Return a number."""
        if not isinstance(self.value, int | float) or isinstance(self.value, bool):
            raise self._wrong("a number")
        return self.value

    def choice(self, kind: type[_Word]) -> _Word:
        """Return the word that the string is."""
        words = [one.value for one in kind]
        if self.text() not in words:
            raise self._wrong(f"one of {', '.join(words)}")
        return kind(self.text())

    def _wrong(self, expected: str) -> BadInput:
        return BadInput(f"{self._path or 'the document'} is not {expected}", self._where)
