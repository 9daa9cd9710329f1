"""The page about bases says what is so."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click

from bindery.cli.build import command
from bindery.images.base.mmdebstrap import CONTENTS
from bindery.images.base.request import parse_base_request

PAGE = (Path(__file__).parents[3] / "docs" / "bases.md").read_text(encoding="utf-8")


def test_the_page_shows_options_that_exist_and_bases_that_can_be_asked_for() -> None:
    shown = [shlex.split(line, comments=True) for line in re.findall(r"^bindery build .*", PAGE, re.MULTILINE)]
    options = {option for one in command.params if isinstance(one, click.Option) for option in one.opts}
    assert len(shown) >= 6
    for words in shown:
        assert {word for word in words if word.startswith("--")} <= options
    asked = [words[words.index("--base") + 1] for words in shown if "--base" in words]
    assert [str(parse_base_request(text)) for text in asked] == asked


def test_the_page_lists_what_is_in_a_base() -> None:
    listed = re.search(r"essential packages and\n(.*?);", PAGE, re.DOTALL)
    assert listed is not None
    assert re.findall(r"`([^`]+)`", listed[1]) == list(CONTENTS)
