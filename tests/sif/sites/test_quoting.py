"""What is quoted for a language is read back by that language itself, whatever the text."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bindery.sif.sites.quoting import (
    quote_comment,
    quote_expanding,
    quote_lua,
    quote_shell,
    quote_tcl,
    quote_yaml,
    variable_names,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NASTY = [
    "a b",
    "it's",
    'say "x"',
    "a\nb",
    "$HOME `id` $(id) \\",
    "{[a]}",
    "}{ ][",
    "\\n",
    "é\U0001f600\U0001f6001",
    "\x7f\x85\u2028",
    "#; --",
    "-n",
    "\t",
    "\x011",
]
TEXTS = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8), min_size=1, max_size=20
).map(lambda texts: [*texts, *NASTY])
# Each example starts a program, so it has many texts.
FEW = settings(max_examples=8, deadline=None)


def ask(words: Sequence[str], script: str) -> list[str]:
    """Return the texts that the program printed, each with a NUL after it."""
    done = subprocess.run([*words], input=script.encode(), stdout=subprocess.PIPE, check=True)
    return done.stdout.decode().split("\0")[:-1]


def in_shell(quoted: Sequence[str]) -> list[str]:
    return ask(["sh"], "".join(f"printf '%s\\0' {one}\n" for one in quoted))


def in_bash(quoted: Sequence[str]) -> list[str]:
    return ask(["bash"], "".join(f"printf '%s\\0' {one}\n" for one in quoted))


def in_tcl(quoted: Sequence[str]) -> list[str]:
    lines = "".join(f"puts -nonewline {one}; puts -nonewline \\0\n" for one in quoted)
    return ask(["tclsh"], f"encoding system utf-8\nfconfigure stdout -translation binary -encoding utf-8\n{lines}")


def in_tcl_braces(quoted: Sequence[str]) -> list[str]:
    lines = "".join(f"    puts -nonewline {one}; puts -nonewline \\0\n" for one in quoted)
    return ask(["tclsh"], f"fconfigure stdout -translation binary -encoding utf-8\nproc all {{ }} {{\n{lines}}}\nall\n")


def in_lua(quoted: Sequence[str]) -> list[str]:
    return ask(["lua5.3", "-"], "".join(f"io.write({one}, '\\0')\n" for one in quoted))


LANGUAGES = {
    "sh": (quote_shell, in_shell),
    "bash": (quote_shell, in_bash),
    "Tcl": (quote_tcl, in_tcl),
    "Tcl in braces": (quote_tcl, in_tcl_braces),
    "Lua": (quote_lua, in_lua),
}


@pytest.mark.testbed
@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_come_back(language: str) -> None:
    quote, read = LANGUAGES[language]
    check_round_trip(quote, read)


def check_round_trip(quote: Callable[[str], str], read: Callable[[Sequence[str]], list[str]]) -> None:
    @FEW
    @given(TEXTS)
    def hold(texts: list[str]) -> None:
        assert read([quote(text) for text in texts]) == texts

    hold()


@given(st.text(st.characters(codec="utf-8")))
@example("1e3")
@example("01:00:00")
@example("null")
@example("a\nb")
@example("\x85\ufeff\U0001f600")
@example("x" * 300 + " " + "y" * 300)
def test_yaml_comes_back_from_one_line(text: str) -> None:
    quoted = quote_yaml(text)
    assert "\n" not in quoted
    assert yaml.safe_load(f"a: [{quoted}, {quoted}]") == {"a": [text, text]}


@given(st.text())
def test_a_comment_stays_on_its_line(text: str) -> None:
    assert quote_comment(text).isprintable()
    assert quote_comment(text).isascii()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/work", "/work"),
        ("$HOME/a", "/home/me/a"),
        ("${HOME}a", "/home/mea"),
        ("$HOME $NONE.", "/home/me ."),
        ("a$", "a$"),
        ("$1 $$ $(id) `id` ${HOME:-x}", "$1 $$ $(id) `id` ${HOME:-x}"),
        ('"$HOME"\\', '"/home/me"\\'),
        ("a'b*", "a'b*"),
    ],
)
@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_variables_are_expanded_and_nothing_else(shell: str, text: str, expected: str) -> None:
    script = f"printf '%s|' {quote_expanding(text)} end"
    done = subprocess.run([shell, "-c", script], env={"HOME": "/home/me"}, capture_output=True, text=True, check=True)
    assert done.stdout == f"{expected}|end|"


def test_variables_are_named_once() -> None:
    assert variable_names("$A/${B}/$A/$$/$1/${C:-x}") == ("A", "B")


def test_texts_without_variables_come_back_from_what_expands() -> None:
    @FEW
    @given(TEXTS)
    def hold(texts: list[str]) -> None:
        plain = [text.replace("$", "") for text in texts]
        assert in_shell([quote_expanding(text) for text in plain]) == plain

    hold()
