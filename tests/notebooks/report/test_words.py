from __future__ import annotations

import pytest

from bindery.notebooks.report.words import first_line, say_bytes, say_count, say_date, say_seconds


@pytest.mark.parametrize(
    ("size", "words"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (150 << 20, "150 MiB"), (3 << 39, "1.5 TiB")]
)
def test_bytes(size: int, words: str) -> None:
    assert say_bytes(size) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "n/a"),
        (-0.1, "0.00 s"),
        (0.994, "0.99 s"),
        (0.996, "1.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (125, "2 min 05 s"),
        (3720, "1 h 02 min"),
    ],
)
def test_durations(seconds: float | None, words: str) -> None:
    assert say_seconds(seconds) == words


def test_counts_dates_and_lines() -> None:
    assert (say_count(1, "cell"), say_count(12_054, "cell")) == ("1 cell", "12,054 cells")
    assert say_date(1_795_356_000) == "22 November 2026, 14:00 UTC"
    assert first_line("\n\n  a b \nc") == "a b"
    assert first_line("x" * 9, 5) == "xxxx…"
    assert not first_line(" \n")
