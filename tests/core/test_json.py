from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bindery.core import Json, encode_json, parse_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(value=VALUES)
def test_parsing_what_was_encoded_gives_the_value(value: Json) -> None:
    assert parse_json(encode_json(value)) == value
    assert parse_json(encode_json(value, indent=2)) == value


@given(value=st.dictionaries(st.text(), st.integers(), min_size=2, max_size=5))
def test_the_order_of_keys_does_not_matter(value: dict[str, Json]) -> None:
    assert encode_json(dict(reversed(value.items()))) == encode_json(value)


def test_text_stays_readable_and_nothing_is_padded() -> None:
    assert encode_json({"b": "é", "a": [1, 2]}) == '{"a":[1,2],"b":"é"}'.encode()


def test_half_a_surrogate_pair_is_escaped() -> None:
    broken: Json = json.loads('["\\ud800"]')
    assert encode_json(broken) == b'["\\ud800"]'


def test_what_is_not_json_raises() -> None:
    with pytest.raises(ValueError, match="Expecting value"):
        parse_json(b"not json")
