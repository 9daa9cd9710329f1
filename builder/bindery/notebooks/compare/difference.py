"""What a comparison of two outputs finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """Why two outputs are not the same, in a sentence; for images a PNG in base64 that marks where."""

    reason: str
    picture: str | None = None


def join_reasons(reasons: list[str], shown: int = 3) -> Difference | None:
    """Return the reasons as one difference: the first few in words, the others counted; None if there are none."""
    if not reasons:
        return None
    words = "; ".join(reasons[:shown])
    more = len(reasons) - shown
    return Difference(reason=f"{words}; and {more} more" if more > 0 else words)


def shorten(text: str, length: int = 60) -> str:
    """Return the text on one line, its middle left out where it is longer."""
    line = " ".join(text.split())
    half = (length - 3) // 2
    return line if len(line) <= length else f"{line[:half]} … {line[-half:]}"
