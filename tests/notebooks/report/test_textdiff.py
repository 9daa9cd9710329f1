from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bindery.notebooks.report.textdiff import LINES_SHOWN, Line, NumberChange, diff_texts, mark_of


def marked(lines: tuple[Line, ...]) -> list[str]:
    """Return the lines with what is marked in brackets, nearly the same numbers in braces."""
    signs = {"": ("", ""), "changed": ("[", "]"), "faint": ("{", "}")}
    return [
        f"... {line.skipped}"
        if line.skipped
        else "".join(f"{signs[p.mark][0]}{p.text}{signs[p.mark][1]}" for p in line.pieces)
        for line in lines
    ]


def test_changed_numbers_are_marked_and_listed() -> None:
    diff = diff_texts("range 1.50 K\nsame\n", "range 1.80 K\nsame\n")
    assert marked(diff.reference) == ["range [1.50] K", "same"]
    assert marked(diff.actual) == ["range [1.80] K", "same"]
    assert diff.numbers == (NumberChange("1.50", "1.80", "+20 %"),)


def test_a_change_from_zero_has_no_percentage() -> None:
    assert diff_texts("0", "-3").numbers == (NumberChange("0", "-3", ""),)


def test_changed_words_are_marked() -> None:
    diff = diff_texts("dtype float32, chunked", "dtype float64, chunked now")
    assert marked(diff.reference) == ["dtype [float32], chunked"]
    assert marked(diff.actual) == ["dtype [float64], chunked[ now]"]


def test_a_line_that_came_or_went_is_marked_whole() -> None:
    diff = diff_texts("a\nc", "a\nb\nc")
    assert marked(diff.reference) == ["a", "c"]
    assert marked(diff.actual) == ["a", "[b]", "c"]


def test_equal_lines_far_from_changes_are_folded() -> None:
    before = [f"line {number}" for number in range(30)]
    after = [*before]
    after[20] = "other"
    assert marked(diff_texts("\n".join(before), "\n".join(after)).reference) == [
        "... 17",
        "line 17",
        "line 18",
        "line 19",
        "[line 20]",
        "line 21",
        "line 22",
        "line 23",
        "... 3",
        "line 27",
        "line 28",
        "line 29",
    ]


def test_long_texts_are_cut_and_say_so() -> None:
    long = "x\n" * (LINES_SHOWN + 5)
    assert diff_texts(long, long).note == "only the beginning of 406 lines is compared here"


@pytest.mark.parametrize(
    ("reference", "actual", "mark"),
    [
        ("1", "1", ""),
        ("1.0", "1.1", "changed"),
        ("1.0000001", "1.0", "faint"),
        ("nan", "1", "changed"),
        ("a", "b", "changed"),
        ("1e999", "1e999", ""),
    ],
)
def test_marks(reference: str, actual: str, mark: str) -> None:
    assert mark_of(reference, actual) == mark


@given(st.text(alphabet="ab 1.e-\n", max_size=60), st.text(alphabet="ab 1.e-\n", max_size=60))
def test_nothing_is_lost_and_only_changes_are_marked(reference: str, actual: str) -> None:
    diff = diff_texts(reference, actual)
    for lines, text in ((diff.reference, reference), (diff.actual, actual)):
        if not any(line.skipped for line in lines):
            joined = "\n".join("".join(piece.text for piece in line.pieces) for line in lines)
            assert joined == text.rstrip("\n")
    is_marked = any(piece.mark for line in (*diff.reference, *diff.actual) for piece in line.pieces)
    assert is_marked or reference.rstrip("\n") == actual.rstrip("\n") or not (reference.strip() and actual.strip())
