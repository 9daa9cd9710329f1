import pytest

from bindery.core import Json
from bindery.notebooks.compare.trees import compare_json


@pytest.mark.parametrize(
    ("reference", "actual", "reason"),
    [
        ({"a": [1, 2.5]}, {"a": [1, 2.6]}, "number 2.5 became 2.6 ($.a[1]; only the same digits are allowed)"),
        ({"a": 1}, {"b": 1}, "$.a is gone; $.b is new"),
        ([1], [1, 2], "$ has 2 entries instead of 1"),
        ({"a": True}, {"a": 1}, "true became 1 ($.a)"),
        ({"a": None}, {"a": 0}, "null became 0 ($.a)"),
        ({"a": {}}, {"a": []}, "{} became [] ($.a)"),
        ({"a": "red"}, {"a": "blue"}, "'red' became 'blue' ($.a)"),
        ({"a": "1"}, {"a": 1}, '"1" became 1 ($.a)'),
    ],
)
def test_the_path_of_keys_leads_to_the_difference(reference: Json, actual: Json, reason: str) -> None:
    difference = compare_json(reference, actual)
    assert difference is not None
    assert difference.reason == reason


def test_rounding_noise_is_no_difference() -> None:
    assert compare_json({"x": [0.1 + 0.2, None, True]}, {"x": [0.3, None, True]}) is None
