"""JSON as a type, and JSON as canonical bytes."""

from __future__ import annotations

import json
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


def encode_json(value: Json, *, indent: int | None = None) -> bytes:
    """Return the value as UTF-8 with sorted keys; the same value gives the same bytes."""
    separators = (",", ":") if indent is None else (",", ": ")
    try:
        return json.dumps(value, indent=indent, sort_keys=True, separators=separators, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        # Half a surrogate pair, as some notebooks have in their outputs, can only be written as an escape.
        return json.dumps(value, indent=indent, sort_keys=True, separators=separators).encode()


def parse_json(data: bytes | str) -> Json:
    """Return the value.

    Raises:
        ValueError: it is not JSON.

    """
    value: Json = json.loads(data)
    return value
