"""OCI's JSON documents, read key by key: errors carry the path of keys, unknown keys are left alone.

What a key with null means is not said by the specifications; Docker writes it for an empty list. Here it is a key
that is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bindery.core import BadInput, Digest, parse_digest, parse_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bindery.core import Json

_KINDS = {str: "text", bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object"}


@dataclass(frozen=True, slots=True)
class Node:
    """An object of a document, where the document is (``blob sha256:…``), and the keys that lead to the object."""

    values: Mapping[str, Json]
    where: str
    prefix: str = ""

    @staticmethod
    def of_document(raw: bytes, where: str) -> Node:
        """Return the object that the bytes say.

        Raises:
            BadInput: they are not JSON, or not an object.

        """
        try:
            value = parse_json(raw)
        except (ValueError, RecursionError) as error:
            raise BadInput(f"is not JSON: {error}", where) from error
        if not isinstance(value, dict):
            raise BadInput(f"is {_kind(value)}, not an object", where)
        return Node(value, where)

    def error(self, key: str, what: str) -> BadInput:
        """Return the error about this key."""
        text = f"{self.prefix}{key} {what}"
        # What is quoted from a registry may hold codes that a terminal obeys.
        return BadInput(text if text.isprintable() else repr(text)[1:-1], self.where)

    def has(self, key: str) -> bool:
        """Answer whether the key is there with a value."""
        return self.values.get(key) is not None

    def text(self, key: str, default: str | None = None) -> str:
        """Return the text, or the default if there is none.

        Raises:
            BadInput: it is not text, or it is missing and has no default.

        """
        if default is not None and not self.has(key):
            return default
        return self._text(key, self._value(key))

    def number(self, key: str) -> int:
        """Return the whole number, which is not negative.

        Raises:
            BadInput: it is missing, or something else.

        """
        value = self._value(key)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            what = f"is {value}" if isinstance(value, (int, float)) and not isinstance(value, bool) else _is(value)
            raise self.error(key, f"{what}, not a whole number from 0")
        return value

    def truth(self, key: str) -> bool:
        """Return true or false; false if it is missing.

        Raises:
            BadInput: it is neither.

        """
        value = self.values.get(key)
        if value is None:
            return False
        if not isinstance(value, bool):
            raise self.error(key, f"{_is(value)}, not true or false")
        return value

    def digest(self, key: str) -> Digest:
        """Return the digest.

        Raises:
            BadInput: it is missing, or no SHA-256 digest.

        """
        return self._digest(key, self._value(key))

    def digests(self, key: str) -> tuple[Digest, ...]:
        """Return the list of digests.

        Raises:
            BadInput: it is missing, or not a list of SHA-256 digests.

        """
        self._value(key)
        return tuple(self._digest(f"{key}[{index}]", value) for index, value in enumerate(self._list(key)))

    def texts(self, key: str) -> tuple[str, ...]:
        """Return the list of texts; empty if it is missing.

        Raises:
            BadInput: it is something else.

        """
        return tuple(self._text(f"{key}[{index}]", value) for index, value in enumerate(self._list(key)))

    def pairs(self, key: str) -> dict[str, str]:
        """Return the object whose values are texts; empty if it is missing.

        Raises:
            BadInput: it is something else.

        """
        inner = self.inner(key)
        return {} if inner is None else {name: inner.text(name) for name in inner.values}

    def keys(self, key: str) -> tuple[str, ...]:
        """Return the sorted keys of the object below the key; empty if it is missing.

        Raises:
            BadInput: it is something else.

        """
        inner = self.inner(key)
        return () if inner is None else tuple(sorted(inner.values))

    def inner(self, key: str) -> Node | None:
        """Return the object below the key, None if it is missing.

        Raises:
            BadInput: it is something else.

        """
        value = self.values.get(key)
        return None if value is None else self._node(key, value)

    def needed(self, key: str) -> Node:
        """Return the object below the key.

        Raises:
            BadInput: it is missing, or something else.

        """
        return self._node(key, self._value(key))

    def nodes(self, key: str) -> tuple[Node, ...]:
        """Return the objects in the list below the key; empty if it is missing.

        Raises:
            BadInput: it is something else.

        """
        return tuple(self._node(f"{key}[{index}]", value) for index, value in enumerate(self._list(key)))

    def _value(self, key: str) -> Json:
        value = self.values.get(key)
        if value is None:
            raise self.error(key, "is missing")
        return value

    def _list(self, key: str) -> list[Json]:
        value = self.values.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.error(key, f"{_is(value)}, not a list")
        return value

    def _node(self, label: str, value: Json) -> Node:
        if not isinstance(value, dict):
            raise self.error(label, f"{_is(value)}, not an object")
        return Node(value, self.where, f"{self.prefix}{label}.")

    def _text(self, label: str, value: Json) -> str:
        if not isinstance(value, str):
            raise self.error(label, f"{_is(value)}, not text")
        return value

    def _digest(self, label: str, value: Json) -> Digest:
        text = self._text(label, value)
        try:
            digest = parse_digest(text)
        except BadInput as error:
            raise self.error(label, f"is {text!r}, which is no SHA-256 digest") from error
        if digest.algorithm != "sha256":
            raise self.error(label, f"is {text!r}, which is no SHA-256 digest")
        return digest


def _is(value: Json) -> str:
    return f"is {_kind(value)}"


def _kind(value: Json) -> str:
    return "null" if value is None else _KINDS[type(value)]
