"""JSON outputs: the same keys, the same lengths, texts and numbers as everywhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bindery.notebooks.compare.difference import Difference, join_reasons, shorten
from bindery.notebooks.compare.numbers import compare_numbers
from bindery.notebooks.compare.text import compare_text

if TYPE_CHECKING:
    from bindery.core import Json


def compare_json(reference: Json, actual: Json) -> Difference | None:
    """Return what differs, each with the path of keys that leads there."""
    return join_reasons(_compare(reference, actual, "$"))


def _compare(reference: Json, actual: Json, path: str) -> list[str]:
    match reference, actual:
        case dict(), dict():
            return _compare_objects(reference, actual, path)
        case list(), list():
            return _compare_lists(reference, actual, path)
        case str(), str():
            return compare_text(reference, actual, path)
        case (bool() | None, _) | (_, bool() | None):
            return [] if reference is actual else [_became(reference, actual, path)]
        case (int() | float(), int() | float()):
            allowed = compare_numbers(json.dumps(reference), json.dumps(actual))
            return [] if allowed is None else [f"number {reference} became {actual} ({path}; {allowed})"]
        case _:
            return [_became(reference, actual, path)]


def _compare_objects(reference: dict[str, Json], actual: dict[str, Json], path: str) -> list[str]:
    reasons = [f"{path}.{key} is gone" for key in reference if key not in actual]
    reasons += [f"{path}.{key} is new" for key in actual if key not in reference]
    for key, value in reference.items():
        if key in actual:
            reasons += _compare(value, actual[key], f"{path}.{key}")
    return reasons


def _compare_lists(reference: list[Json], actual: list[Json], path: str) -> list[str]:
    if len(reference) != len(actual):
        return [f"{path} has {len(actual)} entries instead of {len(reference)}"]
    reasons: list[str] = []
    for place, (one, other) in enumerate(zip(reference, actual, strict=True)):
        reasons += _compare(one, other, f"{path}[{place}]")
    return reasons


def _became(reference: Json, actual: Json, path: str) -> str:
    return f"{shorten(json.dumps(reference))} became {shorten(json.dumps(actual))} ({path})"
