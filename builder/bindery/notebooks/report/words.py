"""Numbers, times and names as people read them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bindery.notebooks.report.ansi import clean_text

if TYPE_CHECKING:
    from collections.abc import Iterable

_BYTES = ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


def say_bytes(size: int) -> str:
    """Return the size with a unit: ``1.4 GiB``."""
    for factor, unit in _BYTES:
        if size >= factor:
            amount = size / factor
            return f"{amount:.0f} {unit}" if amount >= 100 else f"{amount:.1f} {unit}"
    return f"{size} B"


def say_seconds(seconds: float | None) -> str:
    """Return the duration: ``0.04 s``, ``3.2 s``, ``2 min 05 s``, ``1 h 02 min``; ``n/a`` for None."""
    if seconds is None:
        return "n/a"
    if seconds < 0.995:
        return f"{max(seconds, 0.0):.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def say_count(count: int, noun: str) -> str:
    """Return the count and the noun: ``1 cell``, ``12,054 cells``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def say_date(epoch_s: int) -> str:
    """Return the moment in UTC: ``22 November 2026, 14:05 UTC``."""
    moment = datetime.fromtimestamp(epoch_s, UTC)
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"


def iso_date(epoch_s: int) -> str:
    """Return the moment as ISO 8601 writes it, in UTC."""
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def first_line(text: str, limit: int = 160) -> str:
    """Return the first line that holds something, no longer than the limit, fit for a terminal."""
    line = next((part.strip() for part in clean_text(text).splitlines() if part.strip()), "")
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def make_slugs(names: Iterable[str]) -> tuple[str, ...]:
    """Return one anchor per name: letters, digits, ``-`` and ``_`` only, no two the same; other anchors have a dot."""
    taken: set[str] = set()
    slugs: list[str] = []
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-") or "notebook"
        slug, number = plain, 2
        while slug in taken:
            slug, number = f"{plain}-{number}", number + 1
        taken.add(slug)
        slugs.append(slug)
    return tuple(slugs)
