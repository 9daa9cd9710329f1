from __future__ import annotations

import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st

from bindery.notebooks.report.tables import (
    COLUMNS_SHOWN,
    HTML_LIMIT,
    ROWS_SHOWN,
    Table,
    TableCell,
    mark_tables,
    parse_html,
)

FRAME = """
<div><style scoped>.dataframe { color: red }</style>
<table border="1" class="dataframe"><thead><tr><th></th><th colspan="2">x</th></tr></thead>
<tbody><tr><th>2000-02-06</th>
<td>0.5 <script>alert(1)</script></td><td onclick="alert(2)">1 &lt; 2</td></tr></tbody></table>
<p>1 rows</p></div>
"""


def words(table: Table) -> list[list[str]]:
    """Return the fields' words."""
    return [[cell.text for cell in row] for row in table.rows]


def test_a_frame_is_read_as_a_table() -> None:
    parsed = parse_html(FRAME)
    assert parsed.mostly_tables
    assert words(parsed.tables[0]) == [["", "x"], ["2000-02-06", "0.5", "1 < 2"]]
    assert parsed.tables[0].rows[0][1] == TableCell(text="x", heading=True, span=2)
    assert "alert" not in parsed.text
    assert "color" not in parsed.text


def test_a_table_inside_something_richer_is_read_as_words() -> None:
    parsed = parse_html(f"<div>{'many words about a dataset ' * 20}<table><tr><td>1</td></tr></table></div>")
    assert not parsed.mostly_tables
    assert parsed.text.endswith("\n1")


def test_only_the_innermost_tables_are_tables() -> None:
    parsed = parse_html("<table><tr><td><table><tr><td>inner</td></tr></table></td></tr></table>")
    assert [words(table) for table in parsed.tables] == [[["inner"]]]


@pytest.mark.parametrize(
    ("span", "columns"), [("3", 3), ("0", 1), ("-1", 1), ("99999999", 1), ("999", 24), ("x", 1), ("²", 1)]
)
def test_spans_stay_small(span: str, columns: int) -> None:
    assert parse_html(f"<table><tr><td colspan='{span}'>1</td></tr></table>").tables[0].rows[0][0].span == columns


def test_large_tables_are_cut_and_say_so() -> None:
    row = f"<tr>{'<td>1</td>' * 50}</tr>"
    parsed = parse_html(f"<table>{row * 100}</table>")
    assert len(parsed.tables[0].rows) == ROWS_SHOWN
    assert {len(row) for row in parsed.tables[0].rows} == {COLUMNS_SHOWN}
    assert parsed.note == "only the first 60 of 100 rows are shown, only the first 24 columns are shown"


def test_long_html_is_cut_and_says_so() -> None:
    parsed = parse_html("x" * (HTML_LIMIT + 1))
    assert parsed.note == "only the first 200,000 of 200,001 characters of HTML were read"


def test_deep_html_is_read() -> None:
    assert parse_html(f"{'<div>' * 5000}deep").text == "deep"


@pytest.mark.parametrize("text", ["notes.html", "https://example.org", "\ud800", "", "<", "<!doctype html>x"])
def test_odd_texts_are_read_without_a_warning(text: str) -> None:
    assert not parse_html(text).tables


def test_changed_fields_are_marked() -> None:
    before = parse_html("<table><tr><td>1.0</td><td>2.0</td><td>a</td></tr><tr><td>gone</td></tr></table>").tables[0]
    after = parse_html("<table><tr><td>1.5</td><td>2.0000000001</td><td>a</td><td>new</td></tr></table>").tables[0]
    left, right = mark_tables(before, after)
    assert [[cell.mark for cell in row] for row in left.rows] == [["changed", "faint", ""], ["changed"]]
    assert [[cell.mark for cell in row] for row in right.rows] == [["changed", "faint", "", "changed"]]


@given(st.lists(st.lists(st.text(alphabet="ab<>&'\" 1", min_size=1), min_size=1, max_size=4), min_size=1, max_size=4))
def test_words_of_fields_are_kept(rows: list[list[str]]) -> None:
    soup = BeautifulSoup("<table></table>", "html.parser")
    table = soup.table
    assert table is not None
    for row in rows:
        line = soup.new_tag("tr")
        for text in row:
            field = soup.new_tag("td")
            field.string = text
            line.append(field)
        table.append(line)
    assert words(parse_html(str(soup)).tables[0]) == [[text.strip() for text in row] for row in rows]
