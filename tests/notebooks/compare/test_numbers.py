import pytest
from hypothesis import given
from hypothesis import strategies as st

from bindery.notebooks.compare.numbers import NUMBER, compare_numbers


@pytest.mark.parametrize(
    ("reference", "actual"),
    [
        ("12", "12"),
        ("1.0", "1.00"),
        ("1e5", "100000.0"),
        ("0.3", "0.30000000000000004"),
        ("288.15237", "288.1524"),
        ("7.510904788970947", "7.510904788970951"),
        ("142755.467629035", "142755.467629038"),
        ("11323.829792", "11323.829793"),
        ("1.0370e+03", "1.0370e3"),
        ("-0.0", "0.0"),
        ("nan", "nan"),
        ("NaN", "nan"),
        ("-inf", "-inf"),
        ("1.1102230246251565e-16", "0.0"),
        ("-1.1102230246251565e-16", "2.220446049250313e-16"),
    ],
)
def test_numbers_are_the_same_within_what_their_digits_say(reference: str, actual: str) -> None:
    assert compare_numbers(reference, actual) is None
    assert compare_numbers(actual, reference) is None


@pytest.mark.parametrize(
    ("reference", "actual", "words"),
    [
        ("12", "13", "only the same digits are allowed"),
        ("1000000", "1000001", "only the same digits are allowed"),
        ("0.51", "0.52", "only the same digits are allowed"),
        ("1.25", "1.26", "only the same digits are allowed"),
        ("6.62e-34", "6.63e-34", "only the same digits are allowed"),
        ("6.62607015e-34", "6.72607015e-34", "allowed ±6.7e-40"),
        ("1.2345", "1.2347", "allowed ±0.0001"),
        ("288.15237", "288.1534", "allowed ±0.00029"),
        ("7.510904788970947", "7.510904888970947", "allowed ±7.5e-09"),
        ("0.052449", "0.052974", "allowed ±1e-06"),
        ("nan", "0.0", "only the same is allowed"),
        ("inf", "-inf", "only the same is allowed"),
        ("1", "1.0", "it was an integer and is now a float"),
        ("2.0", "2", "it was a float and is now an integer"),
    ],
)
def test_numbers_differ_beyond_it(reference: str, actual: str, words: str) -> None:
    assert compare_numbers(reference, actual) == words


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("mean 1.25, max -3e4.", ["1.25", "-3e4"]),
        ("version 3.12.1 of x2", []),
        ("shape=(24, 6)", ["24", "6"]),
        ("(1.25+3.5j)", ["1.25", "3.5"]),
        ("[ 1.  2.5 nan -inf]", ["1.", "2.5", "nan", "-inf"]),
        ("5kB 0x1f 1.5GiB nano", []),
        ("2000-02-06", ["2000", "02", "06"]),
        ("12%", ["12"]),
    ],
)
def test_numbers_are_found_in_text(text: str, numbers: list[str]) -> None:
    assert NUMBER.findall(text) == numbers


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=1e-6, max_value=1e6), st.integers(2, 12))
def test_a_change_of_one_percent_is_always_found(value: float, digits: int) -> None:
    reference, actual = f"{value:.{digits}e}", f"{value * 1.01:.{digits}e}"
    assert (compare_numbers(reference, actual) is None) == (reference == actual)


@given(st.floats(allow_nan=False, min_value=-1e300, max_value=1e300))
def test_rounding_noise_is_never_found(value: float) -> None:
    assert compare_numbers(repr(value), repr(value * (1 + 2**-50))) is None


@given(st.floats(width=32, allow_nan=False, allow_infinity=False), st.floats(width=32, allow_nan=False))
def test_the_order_of_the_two_does_not_matter(first: float, second: float) -> None:
    assert compare_numbers(repr(first), repr(second)) == compare_numbers(repr(second), repr(first))
