import pytest

from bindery.notebooks.compare.svg import compare_svg

DRAWING = """<?xml version="1.0"?><svg width="10"><metadata><dc:date>2026-11-23</dc:date></metadata>
<defs><clipPath id="p0a1b2c"><rect x="1.234567" y="2"/></clipPath></defs>
<g id="line2d_1"><path d="M 43.782001 204.991234 L 50 60" clip-path="url(#p0a1b2c)" style="stroke: #1f77b4"/></g>
<g id="text_1"><text>time</text></g><use xlink:href="#line2d_1"/></svg>"""


def test_random_names_dates_and_rounding_are_no_difference() -> None:
    other = DRAWING.replace("p0a1b2c", "pffff00").replace("11-23", "11-24").replace("204.991234", "204.991235")
    assert compare_svg(DRAWING, other) is None


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("time", "tine", "'time' became 'tine' (the drawing, element 8 <text>, text)"),
        ("#1f77b4", "#2ca02c", "'stroke: #1f77b4' became 'stroke: #2ca02c' (the drawing, element 6 <path>, style)"),
        (
            "L 50 60",
            "L 51 60",
            "number 50 became 51 (the drawing, element 6 <path>, d; only the same digits are allowed)",
        ),
        ("<rect", "<circle/><rect", "the drawing has 1 <circle> instead of 0"),
        (
            'href="#line2d_1"',
            'href="#text_1"',
            "'#element_4' became '#element_6' (the drawing, element 9 <use>, xlink:href)",
        ),
    ],
)
def test_what_is_drawn_is_compared(old: str, new: str, reason: str) -> None:
    difference = compare_svg(DRAWING, DRAWING.replace(old, new))
    assert difference is not None
    assert difference.reason.startswith(reason)


def test_elements_in_another_order_are_a_difference() -> None:
    difference = compare_svg("<svg><a/><b/></svg>", "<svg><b/><a/></svg>")
    assert difference is not None
    assert difference.reason == "the elements of the drawing are in another order"
