"""Progress bars, folded to what they say when they are done: how much of how much."""

from __future__ import annotations

import re

_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_BARS: tuple[tuple[re.Pattern[str], str], ...] = (
    # tqdm with a total: "loading: 100%|████| 20/20 [00:00<00:00, 98.10it/s]"
    (re.compile(r"(\d+%)\|[^|\n]*\|[ \t]*(\S+)[ \t]*\[[^\]\n]*\]"), r"\1 \2 <progress>"),
    # tqdm without: "20it [00:00, 98.10it/s]"
    (re.compile(r"(\b\d+\w*)[ \t]\[\d+:\d\d(?::\d\d)?, [^\]\n]*\]"), r"\1 <progress>"),
    # dask.diagnostics and the text form of distributed's: "[########] | 100% Completed | 101.72 ms"
    (
        re.compile(r"\[[#= ]*>?[ ]*\][ \t]*\|[ \t]*(\d+%) Completed[ \t]*\|[ \t]*[\d.:]+[ ]?\w*"),
        r"\1 Completed <progress>",
    ),
)


def fold_progress(text: str) -> str:
    """Return the text without the drawing, the time and the speed of progress bars, and without colours."""
    if "%" not in text and "it [" not in text and "\x1b" not in text:
        return text
    text = _ANSI.sub("", text)
    for pattern, replacement in _BARS:
        text = pattern.sub(replacement, text)
    return text


def fold_terminal(text: str) -> str:
    r"""Return the text as a terminal would show it: ``\r`` starts the line again, ``\b`` steps back.

    What was written before a ``\r`` stays where the new text is shorter, as on a terminal.
    """
    if "\r" not in text and "\b" not in text:
        return text
    return "\n".join(_fold_line(line) for line in text.replace("\r\n", "\n").split("\n"))


def _fold_line(line: str) -> str:
    shown: list[str] = []
    place = 0
    for letter in _ANSI.sub("", line):
        if letter == "\r":
            place = 0
        elif letter == "\b":
            place = max(place - 1, 0)
        else:
            shown[place : place + 1] = letter
            place += 1
    return "".join(shown).rstrip() if "\r" in line else "".join(shown)
