"""The request and the answer between Bindery and ``solver_worker``: JSON with keys that both sides know."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bindery.core import Json


def text(value: Json, key: str) -> str:
    """Return the text under the key."""
    found = value[key] if isinstance(value, dict) else None
    if not isinstance(found, str):
        raise TypeError(key)
    return found


def flag(value: Json, key: str) -> bool:
    """Return whether the key says so."""
    found = value[key] if isinstance(value, dict) else None
    if not isinstance(found, bool):
        raise TypeError(key)
    return found


def items(value: Json, key: str) -> list[Json]:
    """Return the list under the key."""
    found = value[key] if isinstance(value, dict) else None
    if not isinstance(found, list):
        raise TypeError(key)
    return found


def texts(value: Json, key: str) -> list[str]:
    """Return the list of texts under the key."""
    return [str(item) for item in items(value, key)]
