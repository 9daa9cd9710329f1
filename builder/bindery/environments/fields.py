"""A mapping out of somebody's file, whose every wrong field has its path of keys in the error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bindery.core import BadInput, Digest

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from bindery.environments.lockfile.values import Pairs

_KINDS = {str: "text", bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "a mapping"}


def _kind(value: object) -> str:
    return "empty" if value is None else _KINDS.get(type(value), f"a {type(value).__name__}")


@dataclass(frozen=True, slots=True)
class Fields:
    """The mapping, where it stands (``conda-lock.yml: package[41] numpy``), its prefix of keys, and the fix."""

    values: Mapping[str, object]
    where: str
    prefix: str
    fix: str

    @staticmethod
    def of_document(document: object, where: str, fix: str) -> Fields:
        """Return the fields of a whole file.

        Raises:
            BadInput: it is not a mapping.

        """
        if not isinstance(document, dict):
            raise BadInput(f"is {_kind(document)}, not a mapping", where, fix)
        return Fields({str(key): value for key, value in document.items()}, where, "", fix)

    def error(self, what: str) -> BadInput:
        """Return the error about this mapping."""
        # What is quoted from the file may hold codes that a terminal obeys.
        text = f"{self.prefix}{what}"
        shown = text if text.isprintable() else repr(text)[1:-1]
        return BadInput(shown, self.where, self.fix)

    def has(self, key: str) -> bool:
        """Answer whether the key is there with a value."""
        return self.values.get(key) is not None

    def raw(self, key: str) -> object:
        """Return the value, whatever it is.

        Raises:
            BadInput: it is missing.

        """
        if key not in self.values:
            raise self.error(f"{key} is missing")
        return self.values[key]

    def text(self, key: str) -> str:
        """Return the text.

        Raises:
            BadInput: it is missing or not text; ``4.5`` without quotes is a number.

        """
        return self._text(key, self.raw(key))

    def truth(self, key: str) -> bool:
        """Return true or false.

        Raises:
            BadInput: it is missing or neither.

        """
        value = self.raw(key)
        if not isinstance(value, bool):
            raise self.error(f"{key} is {_kind(value)}, not true or false")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """Return the list of texts.

        Raises:
            BadInput: it is missing, or not a list of texts.

        """
        return tuple(self._text(f"{key}[{index}]", value) for index, value in enumerate(self._list(key)))

    def digest(self, algorithm: str) -> Digest:
        """Return the digest under the name of its algorithm.

        Raises:
            BadInput: it is missing, or not a digest.

        """
        if not self.has(algorithm):
            # The mapping of hashes is an implementation's detail to whoever reads the error.
            raise BadInput(f"{algorithm} is missing", self.where, self.fix)
        digits = self.text(algorithm)
        try:
            return Digest("md5" if algorithm == "md5" else "sha256", digits)
        except BadInput as error:
            raise BadInput(f"{algorithm} is {digits!r}, which is no {algorithm}", self.where, self.fix) from error

    def pairs(self, key: str) -> Pairs:
        """Return the mapping of text to text.

        Raises:
            BadInput: it is missing, or not such a mapping.

        """
        inner = self.inner(key)
        return tuple((name, inner.text(name)) for name in inner.values)

    def pairs_by_key(self, key: str) -> tuple[tuple[str, Pairs], ...]:
        """Return the mapping of text to mappings of text to text; fields without a value are left out.

        Raises:
            BadInput: it is missing, or not such a mapping.

        """
        outer = self.inner(key)
        found: list[tuple[str, Pairs]] = []
        for name in outer.values:
            inner = outer.inner(name)
            found.append((name, tuple((field, inner.text(field)) for field in inner.values if inner.has(field))))
        return tuple(found)

    def inner(self, key: str) -> Fields:
        """Return the mapping below the key.

        Raises:
            BadInput: it is missing, or not a mapping with text for keys.

        """
        value = self.raw(key)
        if not isinstance(value, dict):
            raise self.error(f"{key} is {_kind(value)}, not a mapping")
        for name in value:
            if not isinstance(name, str):
                raise self.error(f"{key}: the key {name!r} is {_kind(name)}, not text")
        return Fields(value, self.where, f"{self.prefix}{key}.", self.fix)

    def number(self, key: str) -> int:
        """Return the whole number.

        Raises:
            BadInput: it is missing, or not a whole number.

        """
        value = self.raw(key)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.error(f"{key} is {_kind(value)}, not a whole number")
        return value

    def items(self, key: str, *, named_by: str = "name") -> tuple[Fields, ...]:
        """Return the mappings in the list below the key; errors name them by their place and this field of theirs.

        Raises:
            BadInput: it is missing, or not a list of mappings.

        """
        found: list[Fields] = []
        for index, value in enumerate(self._list(key)):
            if not isinstance(value, dict):
                raise self.error(f"{key}[{index}] is {_kind(value)}, not a mapping")
            name = value.get(named_by)
            label = f" {name}" if isinstance(name, str) and name.isprintable() else ""
            found.append(Fields(value, f"{self.where}: {self.prefix}{key}[{index}]{label}", "", self.fix))
        return tuple(found)

    def refuse_others(self, known: Collection[str]) -> None:
        """Return if there are no keys but the known ones.

        Raises:
            BadInput: there is another.

        """
        for key in self.values:
            if key not in known:
                raise self.error(f"the key {key!r} is not known")

    def _text(self, label: str, value: object) -> str:
        if not isinstance(value, str):
            raise self.error(f"{label} is {_kind(value)}, not text")
        return value

    def _list(self, key: str) -> list[object]:
        value = self.raw(key)
        if not isinstance(value, list):
            raise self.error(f"{key} is {_kind(value)}, not a list")
        return value
