from __future__ import annotations

import tomllib

import pytest

from bindery.core import BadInput
from bindery.environments.fork_table import with_fork

HAND = """\
# Ours.
[environments.mine] # a fork
fork_of = "sea@2025.07.17" # keep

[test]
workers = 2
"""


def test_table_is_added_at_the_end() -> None:
    assert with_fork("", "bindery.toml", "mine", fork_of="sea@1", without=()) == (
        '[environments.mine]\nfork_of = "sea@1"\n'
    )
    assert with_fork("[test]\nworkers = 2", "bindery.toml", "mine.v2", fork_of="sea@1", without=("a", "b")) == (
        '[test]\nworkers = 2\n\n[environments."mine.v2"]\nfork_of = "sea@1"\nwithout = ["a", "b"]\n'
    )


def test_table_that_is_there_is_changed_and_nothing_else() -> None:
    assert with_fork(HAND, "bindery.toml", "mine", fork_of="sea@2025.08.14", without=("numpy",)) == (
        "# Ours.\n"
        "[environments.mine] # a fork\n"
        'fork_of = "sea@2025.08.14"\n'
        'without = ["numpy"]\n'
        "\n"
        "[test]\n"
        "workers = 2\n"
    )


def test_same_again_changes_nothing() -> None:
    once = with_fork("[test]\n", "bindery.toml", "mine", fork_of='s"e\\a', without=("numpy",))
    assert with_fork(once, "bindery.toml", "mine", fork_of='s"e\\a', without=("numpy",)) == once
    assert tomllib.loads(once)["environments"] == {"mine": {"fork_of": 's"e\\a', "without": ["numpy"]}}


@pytest.mark.parametrize(
    "text",
    [
        'environments = { mine = { fork_of = "sea@1" } }\n',
        '[environments]\nmine.fork_of = "sea@1"\n',
        '[environments.mine]\nwithout = [\n  "numpy",\n]\n',
    ],
)
def test_what_cannot_be_edited_is_left_alone(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        with_fork(text, "bindery.toml", "mine", fork_of="sea@2", without=())
    assert str(caught.value) == (
        "bindery.toml: is written in a way that cannot be edited safely\n"
        '  fix: write it by hand: [environments.mine] fork_of = "sea@2"'
    )


def test_text_that_is_no_toml() -> None:
    with pytest.raises(BadInput) as caught:
        with_fork("[", "bindery.toml", "mine", fork_of="sea@2", without=())
    assert str(caught.value).startswith("bindery.toml: is not TOML: ")
