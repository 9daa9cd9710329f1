from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bindery.notebooks.report.ansi import Run, clean_text, parse_ansi, strip_ansi


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("plain", [("plain", "")]),
        ("\x1b[0;31mred\x1b[0m.", [("red", "red"), (".", "")]),
        ("\x1b[1mb\x1b[22mn\x1b[95mm\x1b[39mx", [("b", "bold"), ("n", ""), ("m", "magenta"), ("x", "")]),
        ("\x1b[38;5;28;01mgreen\x1b[39;00m.", [("green", "bold green"), (".", "")]),
        ("\x1b[38;5;9mred\x1b[38;5;240mgrey\x1b[38;5;231mwhite", [("red", "red"), ("grey", ""), ("white", "")]),
        ("\x1b[38;2;1;2;3mtrue\x1b[48;5;11mback\x1b[31mred", [("true", ""), ("back", ""), ("red", "red")]),
        ("\x1b[38mcut\x1b[38;5mshort", [("cut", ""), ("short", "")]),
        ("\x1b[4;7munder\x1b[mline", [("under", ""), ("line", "")]),
        ("\x1b]0;title\x07seen\x1b[2Jtoo\x1bM", [("seentoo", "")]),
    ],
)
def test_colours_become_styles(text: str, runs: list[tuple[str, str]]) -> None:
    assert parse_ansi(text) == tuple(Run(*run) for run in runs)


def test_overwritten_lines_are_shown_as_they_ended() -> None:
    assert clean_text("10 %\r50 %\r100 %\nnext\r\nlast\r") == "100 %\nnext\nlast"


def test_control_characters_are_dropped() -> None:
    assert clean_text("a\x00b\x07\tc\x9bd") == "ab\tcd"


@given(st.text(alphabet=st.sampled_from("ab\x1b[]0123;:m\x07\r\n \x9b")))
def test_no_control_sequence_survives(text: str) -> None:
    assert "\x1b" not in strip_ansi(text)
    for run in parse_ansi(text):
        assert not set(run.text) & set("\x1b\x07\x9b\r")
        assert set(run.style.split()) <= {"bold", "black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"}
