"""Two texts beside each other, with the words and numbers marked that are not the same."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from math import isclose
from typing import TYPE_CHECKING

from bindery.notebooks.report.ansi import clean_text

if TYPE_CHECKING:
    from collections.abc import Iterator

LINES_SHOWN = 400
LINE_LENGTH = 600
TEXT_READ = LINES_SHOWN * LINE_LENGTH  # characters
CONTEXT = 3
CHANGES_NAMED = 6
# Numbers this close are marked faintly: comparators let rounding pass, people want to see past it.
FAINT_BELOW = 1e-5
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_IS_NUMBER = re.compile(_NUMBER)
_TOKEN = re.compile(rf"(?<![\w.]){_NUMBER}(?!\w)|\w+|\s+|.")


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of a line. ``mark`` is empty where it is the same, ``changed``, or ``faint`` for numbers nearly the same."""

    text: str
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A line, or, where ``skipped`` is not 0, a place where that many lines that are the same were left out."""

    pieces: tuple[Piece, ...] = ()
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class NumberChange:
    """One number that became another: as written, and by how much if that can be said."""

    reference: str
    actual: str
    relative: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TextDiff:
    """Both texts, line by line, the first numbers that changed, and what was left out."""

    reference: tuple[Line, ...]
    actual: tuple[Line, ...]
    numbers: tuple[NumberChange, ...]
    note: str


def diff_texts(reference: str, actual: str) -> TextDiff:
    """Return both texts with their differences marked; long ones are cut, and say so."""
    before, after = _lines(reference), _lines(actual)
    note = ""
    total = max(reference.count("\n"), actual.count("\n")) + 1
    if max(len(before), len(after)) > LINES_SHOWN or max(len(reference), len(actual)) > TEXT_READ:
        note = f"only the beginning of {total:,} lines is compared here"
        before, after = before[:LINES_SHOWN], after[:LINES_SHOWN]
    left: list[Line] = []
    right: list[Line] = []
    numbers: list[NumberChange] = []
    for same, ours, theirs in _blocks(before, after):
        if same:
            kept = _fold(ours, first=not left)
            left += kept
            right += kept
            continue
        for one, other in zip_longest(ours, theirs):
            pair = _diff_line(one, other, numbers)
            left += [] if one is None else [pair[0]]
            right += [] if other is None else [pair[1]]
    return TextDiff(reference=tuple(left), actual=tuple(right), numbers=tuple(numbers[:CHANGES_NAMED]), note=note)


def mark_of(reference: str, actual: str) -> str:
    """Return how a word that became another is marked."""
    if reference == actual:
        return ""
    if _IS_NUMBER.fullmatch(reference) and _IS_NUMBER.fullmatch(actual):
        near = isclose(float(reference), float(actual), rel_tol=FAINT_BELOW)
        return "faint" if near else "changed"
    return "changed"


def _lines(text: str) -> list[str]:
    lines = clean_text(text[:TEXT_READ]).rstrip("\n").split("\n")
    return [line if len(line) <= LINE_LENGTH else f"{line[:LINE_LENGTH]} …" for line in lines]


def _blocks(before: list[str], after: list[str]) -> Iterator[tuple[bool, list[str], list[str]]]:
    if len(before) == len(after):
        # As many lines as before: they belong together one by one, as in a table.
        start = 0
        for end in range(1, len(before) + 1):
            same = before[start] == after[start]
            if end == len(before) or (before[end] == after[end]) != same:
                yield same, before[start:end], after[start:end]
                start = end
        return
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        yield tag == "equal", before[i1:i2], after[j1:j2]


def _fold(lines: list[str], *, first: bool) -> list[Line]:
    head = 0 if first else CONTEXT
    shown = [Line((Piece(line),)) for line in lines]
    if len(lines) <= head + CONTEXT + 1:
        return shown
    return [*shown[:head], Line(skipped=len(lines) - head - CONTEXT), *shown[-CONTEXT:]]


def _diff_line(before: str | None, after: str | None, numbers: list[NumberChange]) -> tuple[Line, Line]:
    if before is None or after is None:
        return Line((Piece(before or "", "changed"),)), Line((Piece(after or "", "changed"),))
    ours, theirs = _TOKEN.findall(before), _TOKEN.findall(after)
    left: list[Piece] = []
    right: list[Piece] = []
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        if tag == "replace" and i2 - i1 == j2 - j1:
            for one, other in zip(ours[i1:i2], theirs[j1:j2], strict=True):
                mark = mark_of(one, other)
                left.append(Piece(one, mark))
                right.append(Piece(other, mark))
                if mark and _IS_NUMBER.fullmatch(one) and _IS_NUMBER.fullmatch(other):
                    numbers.append(NumberChange(one, other, _relative(float(one), float(other))))
            continue
        mark = "" if tag == "equal" else "changed"
        left += [Piece("".join(ours[i1:i2]), mark)] if i2 > i1 else []
        right += [Piece("".join(theirs[j1:j2]), mark)] if j2 > j1 else []
    return Line(tuple(left)), Line(tuple(right))


def _relative(before: float, after: float) -> str:
    if before == 0:
        return ""
    percent = 100 * (after - before) / abs(before)
    return f"{percent:+.3g} %"
