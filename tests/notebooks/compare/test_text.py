import pytest

from bindery.notebooks.compare.text import compare_text


@pytest.mark.parametrize(
    ("reference", "actual"),
    [
        ("<object at 0x7fab85e30a90>", "<object at 0x7fab85e30b00>"),
        ("[ 1.23456789 -2.        ]", "[ 1.23456788 -2.        ]"),
        ("array([1.234568, 10.25])", "array([1.234569, 10.25])"),
        ("  0%|          | 0/7 [00:00<?, ?it/s]", "  0%|          | 0/7 [00:01<?, ?it/s]"),
        ("100%|█████| 20/20 [00:00<00:00, 94.46it/s]", "100%|█████| 20/20 [00:02<00:00, 9.1it/s]"),
        ("[########] | 100% Completed | 101.72 ms", "[########] | 100% Completed | 1.2 s"),
        ("[####] | 100% Completed |  0.1s", "[####] | 100% Completed |  1.1s"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("trailing  \n", "trailing"),
        ("7it [00:00, 98.1it/s]", "7it [00:03, 2.1it/s]"),
    ],
)
def test_what_does_not_matter_is_no_difference(reference: str, actual: str) -> None:
    assert compare_text(reference, actual) == []


@pytest.mark.parametrize(
    ("reference", "actual", "reason"),
    [
        ("a 0.51\nb 0.52", "a 0.51\nb 0.53", "number 0.52 became 0.53 (line 2; only the same digits are allowed)"),
        ("float64 48B", "float32 48B", "'float64' became 'float32' (line 1)"),
        ("(time: 24, lat: 6)", "(time: 25, lat: 6)", "number 24 became 25 (line 1; only the same digits are allowed)"),
        ("one\ntwo\nthree", "one\nthree", "'two' is gone (line 2)"),
        ("one\nthree", "one\ntwo\nthree", "'two' is new (line 2)"),
        ("x  y", "x y", "the spacing or the lines changed (line 1)"),
        ("x\ny", "x y", "the spacing or the lines changed (line 1)"),
        ("a", "", "'a' is gone (line 1)"),
        ("<object at 0x7fab85e30a90>", "<object at nowhere>", "'at <address>>' became 'at nowhere>' (line 1)"),
        ("1.5 K", "nothing", "'1.5 K' became 'nothing' (line 1)"),
        (
            "50%|█| 10/20 [00:00<00:00, 9it/s]",
            "50%|█| 10/30 [00:00<00:00, 9it/s]",
            "number 20 became 30 (line 1; only the same digits are allowed)",
        ),
        (
            "x" * 100 + "left" + "y" * 100,
            "x" * 100 + "right" + "y" * 100,
            f"'{'x' * 15}left{'y' * 14}' became '{'x' * 15}right{'y' * 14}' (line 1)",
        ),
    ],
)
def test_what_matters_is_told_in_a_sentence(reference: str, actual: str, reason: str) -> None:
    assert compare_text(reference, actual)[0] == reason


def test_the_place_is_named_by_the_caller() -> None:
    assert compare_text("1.25", "1.26", "row 3, column 'x'") == [
        "number 1.25 became 1.26 (row 3, column 'x'; only the same digits are allowed)"
    ]


def test_a_long_text_is_compared_line_by_line() -> None:
    reference = "\n".join(f"line {number}" for number in range(5000))
    assert compare_text(reference, reference + "\nmore") == ["'more' is new (line 5001)"]
