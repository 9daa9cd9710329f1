import base64
import io

import pytest
from PIL import Image

from bindery.notebooks.compare.html import compare_html

TABLE = """<div><style scoped>.dataframe th {top: 1px}</style><table class="dataframe"><thead>
<tr><th></th><th>name</th><th>temp</th></tr></thead><tbody>
<tr><th>0</th><td>a</td><td>0.51</td></tr><tr><th>1</th><td>b</td><td>1.25</td></tr>
<tr><th>2</th><td>c</td><td>NaN</td></tr>
</tbody></table><p>3 rows and 2 columns</p></div>"""
CLIENT = """<div><div style="width: 24px"></div><div>
<h3>{title}</h3><p>{name}</p><table><tr><td>Workers: {workers}</td></tr>
</table><details><table><tr><td>Comm: tcp://127.0.0.1:{workers}1731</td></tr></table></details></div></div>"""


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("1.25", "1.26", "number 1.25 became 1.26 (row 2, column 'temp'; only the same digits are allowed)"),
        ("NaN", "0.0", "number NaN became 0.0 (row 3, column 'temp'; only the same is allowed)"),
        (">b<", ">B<", "'b' became 'B' (row 2, column 'name')"),
        ("<th>temp", "<th>temq", "'temp' became 'temq' (the header, column 'temp')"),
        (
            "<tr><th>1</th><td>b</td><td>1.25</td></tr>",
            "",
            "the table has 2 rows instead of 3; from row 2 on they differ",
        ),
        ("<td>1.25</td>", "", "row 2 has 2 cells instead of 3"),
        ("3 rows", "4 rows", "number 3 became 4 (line 2; only the same digits are allowed)"),
        ("<p>", "<table></table><p>", "there are 2 tables instead of 1; ' 1' became ' 1'"),
        ("</p>", "<a href='x'></a></p>", "there are 1 link instead of 0"),
        ("</p>", "<script>x</script></p>", "there are 1 script instead of 0"),
    ],
)
def test_a_change_is_told_with_its_row_and_column(old: str, new: str, reason: str) -> None:
    difference = compare_html(TABLE, TABLE.replace(old, new, 1))
    assert difference is not None
    assert difference.reason.startswith(reason.split("; ' 1'", maxsplit=1)[0])


def test_a_swapped_row_is_told_as_such() -> None:
    first, second = "<tr><th>0</th><td>a</td><td>0.51</td></tr>", "<tr><th>1</th><td>b</td><td>1.25</td></tr>"
    difference = compare_html(TABLE, TABLE.replace(first + second, second + first))
    assert difference is not None
    assert difference.reason.startswith(
        "the rows of the table are in another order; number 0 became 1 (row 1, column 1;"
    )


def test_looks_are_no_difference() -> None:
    assert compare_html(TABLE, TABLE.replace("1px", "2px").replace('class="dataframe"', 'border="1"')) is None


@pytest.mark.parametrize(
    ("title", "name"),
    [("Client", "Client-gmet-83838853-e751-11f1-b697-02fc00000001"), ("LocalCluster", "b182285a")],
)
def test_what_dask_shows_of_a_cluster_is_a_circumstance(title: str, name: str) -> None:
    first = CLIENT.format(title=title, name=name, workers=2)
    second = CLIENT.format(title=title, name=name.replace("8", "7"), workers=1)
    assert compare_html(first, second) is None
    assert compare_html(first, "<p>no client</p>") is not None


def test_a_table_that_only_looks_like_a_cluster_is_compared() -> None:
    first = CLIENT.format(title="Clients of ours", name="b182285a", workers=2)
    assert compare_html(first, first.replace("Workers: 2", "Workers: 1")) is not None


def test_colours_of_a_styled_table_are_values() -> None:
    styled = (
        '<style>#T_32f0b_row0_col3 {background-color: #034369}</style><table id="T_32f0b"><tr><td>1</td></tr></table>'
    )
    assert compare_html(styled, styled.replace("32f0b", "aaaaa")) is None
    difference = compare_html(styled, styled.replace("034369", "034370"))
    assert difference is not None
    assert "style sheet 1" in difference.reason


def test_names_of_tasks_that_dask_keeps_as_a_set_may_stand_in_any_order() -> None:
    rows = [f"<tr><th></th><td>{name}-9566f0a1bb8c6554868309632c5d5d5{n}</td></tr>" for n, name in enumerate("ab")]
    assert compare_html(f"<table>{rows[0]}{rows[1]}</table>", f"<table>{rows[1]}{rows[0]}</table>") is None
    assert compare_html(f"<table>{rows[0]}{rows[1]}</table>", f"<table>{rows[1]}{rows[1]}</table>") is not None


def test_nested_tables_and_spans_are_read() -> None:
    html = (
        "<table><tr><td><table><tr><th>Array</th></tr><tr><td>1.22 MiB</td></tr></table></td><td>x</td></tr></table>"
        "<table><thead><tr><th></th><th colspan='2'>y</th></tr><tr><th>k</th><th>min</th><th>max</th></tr></thead>"
        "<tr><th rowspan='2'>a</th><td>1</td><td>2</td></tr><tr><td>3</td><td>4</td></tr></table>"
    )
    difference = compare_html(html, html.replace("1.22", "1.23").replace("<td>4", "<td>5"))
    assert difference is not None
    assert difference.reason == (
        "number 1.22 became 1.23 (table 2, row 1, column 'Array'; only the same digits are allowed); "
        "number 4 became 5 (table 3, row 2, column 'y/max'; only the same digits are allowed)"
    )


def test_pictures_progress_and_scripts_in_html_are_compared() -> None:
    def page(colour: str, done: int, value: float) -> str:
        stream = io.BytesIO()
        Image.new("RGB", (20, 20), colour).save(stream, "PNG")
        source = base64.b64encode(stream.getvalue()).decode()
        return (
            f'<img src="data:image/png;base64,{source}"><img src="x.png"><progress value="{done}" max="9"></progress>'
            f'<script type="application/json">{{"x": {value}}}</script>'
        )

    assert compare_html(page("red", 1, 0.3), page("red", 1, 0.1 + 0.2)) is None
    difference = compare_html(page("red", 1, 0.3), page("blue", 2, 0.4))
    assert difference is not None
    assert difference.picture is not None
    assert difference.reason == (
        "picture 1: 400 pixels of 400 changed all over it (x 0 to 19, y 0 to 19 from the top left, of 20 by 20); "
        "number 1 became 2 (line 1; only the same digits are allowed); "
        "script 1: number 0.3 became 0.4 ($.x; only the same digits are allowed)"
    )
    assert compare_html(page("red", 1, 1), page("red", 1, 1).replace("x.png", "y.png")) is not None


def test_a_drawing_in_html_is_compared() -> None:
    drawing = "<svg><line x1='5'/><text>400</text></svg>"
    assert compare_html(drawing, drawing.replace("400", "500")) is not None
    assert compare_html(drawing, drawing.replace("'5'", "'6'")) is not None
