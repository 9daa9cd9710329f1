"""Text for terminals, as runs of text with the names of their styles.

Source: ECMA-48 (5th edition), 8.3.117 SGR; the 256 colours as xterm numbers them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_SGR = re.compile(r"\x1b\[([0-9;:]*)m")
# Other control sequences, operating system commands up to their end, and two-character escapes.
_OTHER = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[@-Z\\-_]|\x1b")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_NAMES = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_COLOURS = {base + number: name for base in (30, 90) for number, name in enumerate(_NAMES)}
_COLOUR_LENGTHS = {5: 2, 2: 4}  # numbers after 38 or 48: 5;index or 2;red;green;blue


@dataclass(frozen=True, slots=True)
class Run:
    """Text in one style: ``style`` is a list of class names, such as ``bold red``; empty for plain text."""

    text: str
    style: str


def strip_ansi(text: str) -> str:
    """Return the text without control sequences."""
    return _OTHER.sub("", text) if "\x1b" in text else text


def parse_ansi(text: str) -> tuple[Run, ...]:
    """Return the text in runs; styles other than bold and the foreground's colour are dropped."""
    runs: list[Run] = []
    colour, bold, position = "", False, 0
    for match in _SGR.finditer(text):
        _append(runs, text[position : match.start()], colour, bold=bold)
        colour, bold = _apply(match.group(1), colour, bold=bold)
        position = match.end()
    _append(runs, text[position:], colour, bold=bold)
    return tuple(runs)


def clean_text(text: str) -> str:
    """Return the text as it stood after carriage returns had overwritten lines, without control characters."""
    text = strip_ansi(text).replace("\r\n", "\n")
    if "\r" in text:
        text = "\n".join(line.rstrip("\r").rsplit("\r", 1)[-1] for line in text.split("\n"))
    return _CONTROLS.sub("", text)


def _append(runs: list[Run], text: str, colour: str, *, bold: bool) -> None:
    text = clean_text(text)
    if text:
        style = " ".join(name for name in ("bold" if bold else "", colour) if name)
        runs.append(Run(text, style))


def _apply(codes: str, colour: str, *, bold: bool) -> tuple[str, bool]:
    numbers = [int(code[:4]) if code else 0 for code in re.split("[;:]", codes)]
    while numbers:
        first, *numbers = numbers
        if first in {38, 48}:
            length = _COLOUR_LENGTHS.get(numbers[0] if numbers else 0, 0)
            if first == 38 and length == 2 and len(numbers) > 1:
                colour = _indexed(numbers[1])
            numbers = numbers[length:]
        elif first in {0, 39}:
            colour = ""
        elif first in _COLOURS:
            colour = _COLOURS[first]
        bold = first == 1 or (bold and first not in {0, 22})
    return colour, bold


def _indexed(index: int) -> str:
    if index < 16:
        return _NAMES[index % 8]
    if index > 231:
        return ""
    cube = index - 16
    red, green, blue = cube // 36, cube // 6 % 6, cube % 6
    brightest = max(red, green, blue)
    bits = [2 * part > brightest for part in (red, green, blue)]
    return "" if all(bits) or not any(bits) else _NAMES[bits[0] + 2 * bits[1] + 4 * bits[2]]
