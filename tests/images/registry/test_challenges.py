from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bindery.images.registry.challenges import Challenge, parse_challenges

TOKENS = st.text("abcdefghijklmnopqrstuvwxyz!#$%&'*+.^_`|~-0123456789", min_size=1, max_size=8)
NAMES = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=8)
VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
CHALLENGES = st.lists(
    st.builds(Challenge, scheme=NAMES, parameters=st.dictionaries(NAMES, VALUES, min_size=1, max_size=3)),
    max_size=3,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            'Bearer realm="https://auth.example.org/token",service="a b",scope="repository:x:pull,push"',
            [
                (
                    "bearer",
                    {"realm": "https://auth.example.org/token", "service": "a b", "scope": "repository:x:pull,push"},
                )
            ],
        ),
        ('BASIC realm="the \\"lab\\""', [("basic", {"realm": 'the "lab"'})]),
        ("Basic realm=lab", [("basic", {"realm": "lab"})]),
        ("Negotiate, Basic realm=x", [("negotiate", {}), ("basic", {"realm": "x"})]),
        ('Negotiate YWJj==, Bearer realm="r"', [("negotiate", {}), ("bearer", {"realm": "r"})]),
        (
            'Newauth realm="apps", type=1, title="Login to \\"apps\\"", Basic realm="simple"',
            [("newauth", {"realm": "apps", "type": "1", "title": 'Login to "apps"'}), ("basic", {"realm": "simple"})],
        ),
        ("Basic", [("basic", {})]),
        ("", []),
        (', ,Basic realm = "e"', [("basic", {"realm": "e"})]),
        ('Bearer realm="unended', [("bearer", {})]),
    ],
)
def test_challenges_are_read(value: str, expected: list[tuple[str, dict[str, str]]]) -> None:
    assert parse_challenges([value]) == tuple(Challenge(scheme=one, parameters=two) for one, two in expected)


def test_several_headers_are_read_in_order() -> None:
    assert [one.scheme for one in parse_challenges(["Bearer realm=a", "Basic realm=b"])] == ["bearer", "basic"]


@given(CHALLENGES)
def test_what_is_written_is_read_again(challenges: list[Challenge]) -> None:
    assert parse_challenges([", ".join(map(_written, challenges))]) == tuple(challenges)


@given(st.text(max_size=60))
def test_any_text_is_survived(value: str) -> None:
    parse_challenges([value])


def _written(challenge: Challenge) -> str:
    quoted = {name: value.replace("\\", "\\\\").replace('"', '\\"') for name, value in challenge.parameters.items()}
    return f"{challenge.scheme} " + ", ".join(f'{name}="{value}"' for name, value in quoted.items())
