"""Text: words exactly, numbers within what their digits say, volatile things masked.

How often a space stands between two words follows from the width of the numbers beside them (NumPy and pandas align
their columns), so it counts only where nothing else changed.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from itertools import zip_longest
from posixpath import commonprefix

from bindery.notebooks.compare.difference import shorten
from bindery.notebooks.compare.masks import mask
from bindery.notebooks.compare.numbers import NUMBER, compare_numbers
from bindery.notebooks.compare.progress_bars import fold_progress

_BRACKETS = re.compile(r"(?<=[\[(])\s+|\s+(?=[\])])")
_LONG_WORDS = 60  # characters
_CONTEXT = 15  # characters on either side of a change
_MAX_LINES = 2000  # above this, lines are paired by their place: finding the best pairs takes quadratic time


def compare_text(reference: str, actual: str, where: str = "") -> list[str]:
    """Return what differs, one sentence each, nothing if the texts say the same.

    ``where`` names the place for the reader; without it the line is named.
    """
    if reference == actual:
        return []
    first, second = _clean(reference), _clean(actual)
    if first == second:
        return []
    if _skeleton(first) == _skeleton(second):
        reasons = _compare_flow(first, second, where)
        return reasons or _compare_spacing(first, second, where, masked=(first, second) != (reference, actual))
    return _compare_lines(first, second, where)


def _clean(text: str) -> str:
    return mask(fold_progress(text))


def _flow(text: str) -> str:
    return _BRACKETS.sub("", " ".join(text.split()))


def _skeleton(text: str) -> str:
    return _flow(NUMBER.sub("\N{NUMERO SIGN}", text))


def _compare_flow(reference: str, actual: str, where: str) -> list[str]:
    """Compare the numbers of two texts that are the same without them."""
    reasons = []
    for first, second in zip(NUMBER.finditer(reference), NUMBER.finditer(actual), strict=True):
        allowed = compare_numbers(first.group(), second.group())
        if allowed is not None:
            place = where or f"line {reference.count(chr(10), 0, first.start()) + 1}"
            reasons.append(f"number {first.group()} became {second.group()} ({place}; {allowed})")
    return reasons


def _compare_spacing(reference: str, actual: str, where: str, *, masked: bool) -> list[str]:
    if masked or NUMBER.findall(reference) != NUMBER.findall(actual):
        return []
    first = [line.rstrip() for line in reference.rstrip().splitlines()]
    second = [line.rstrip() for line in actual.rstrip().splitlines()]
    for number, (one, other) in enumerate(zip_longest(first, second), start=1):
        if one != other:
            return [f"the spacing or the lines changed ({where or f'line {number}'})"]
    return []


def _compare_lines(reference: str, actual: str, where: str) -> list[str]:
    first = [line for line in reference.splitlines() if line.strip()]
    second = [line for line in actual.splitlines() if line.strip()]
    reasons: list[str] = []
    for one, other, number in _pair_lines(first, second):
        place = where or f"line {number}"
        if one is None:
            reasons.append(f"{shorten(other or '')!r} is new ({place})")
        elif other is None:
            reasons.append(f"{shorten(one)!r} is gone ({place})")
        elif _skeleton(one) == _skeleton(other):
            reasons += _compare_flow(one, other, place)
        else:
            reasons.append(f"{_around(one, other)} ({place})")
    # Where the lines agree one by one but not as a whole, a number became a word across a line's end.
    return reasons or [f"{_around(_flow(reference), _flow(actual))} ({where or 'text'})"]


def _pair_lines(first: list[str], second: list[str]) -> list[tuple[str | None, str | None, int]]:
    if len(first) == len(second) or max(len(first), len(second)) > _MAX_LINES:
        return [(one, other, number) for number, (one, other) in enumerate(zip_longest(first, second), start=1)]
    matcher = SequenceMatcher(None, [_skeleton(x) for x in first], [_skeleton(x) for x in second], autojunk=False)
    pairs: list[tuple[str | None, str | None, int]] = []
    for _, start, end, other_start, other_end in matcher.get_opcodes():
        block = zip_longest(first[start:end], second[other_start:other_end])
        pairs += [(one, other, start + offset + 1) for offset, (one, other) in enumerate(block)]
    return pairs


def _around(first: str, second: str) -> str:
    """Return the words that changed, with what stands around them."""
    one, other = first.split(), second.split()
    start = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    end = 0
    while end < min(len(one), len(other)) - start and one[-1 - end] == other[-1 - end]:
        end += 1
    before = max(start - 1, 0)
    was, now = (" ".join(words[before : len(words) - end]) for words in (one, other))
    return "{!r} became {!r}".format(*_narrow(was, now))


def _narrow(was: str, now: str) -> tuple[str, str]:
    """Return the two without what they have in common at a distance from the change: a script may be one long word."""
    if max(len(was), len(now)) <= _LONG_WORDS:
        return was, now
    start = len(commonprefix([was, now]))
    begin = max(start - _CONTEXT, 0)
    end = min(len(commonprefix([was[start:][::-1], now[start:][::-1]])), min(len(was), len(now)) - start)
    cut = max(end - _CONTEXT, 0)
    return shorten(was[begin : len(was) - cut]), shorten(now[begin : len(now) - cut])
