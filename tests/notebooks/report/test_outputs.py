from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bindery.notebooks.report.comparison import compare_sides
from bindery.notebooks.report.outputs import ShownOutput, show_outputs
from bindery.notebooks.report.pictures import PictureShelf
from bindery.notebooks.results import Mismatch

if TYPE_CHECKING:
    from tests.notebooks.report.conftest import Sample

    from bindery.core import Json


def show(output: dict[str, Json]) -> ShownOutput:
    return show_outputs((output,), PictureShelf(), thumbnails=True)[0]


def rich(**data: Json) -> dict[str, Json]:
    return {"output_type": "display_data", "metadata": {}, "data": {key.replace("__", "/"): data[key] for key in data}}


def text_of(shown: ShownOutput) -> str:
    return "".join(run.text for run in shown.text)


def test_a_picture_wins_over_its_text(sample: Sample) -> None:
    shown = show(rich(image__png=sample.png("teal"), text__plain="<Figure>"))
    assert shown.picture is not None
    assert shown.thumbnail is not None
    assert not shown.text


def test_a_picture_that_cannot_be_read_leaves_its_text() -> None:
    assert text_of(show(rich(image__png="AAAA", text__plain=["<Fig", "ure>"]))) == "<Figure>"


def test_a_frame_is_a_table_and_a_dataset_is_its_text() -> None:
    table = "<table><tr><td>1</td></tr></table>"
    assert show(rich(text__html=table, text__plain="x 1")).tables
    assert (
        text_of(show(rich(text__html=f"<p>{'dataset ' * 60}</p>{table}", text__plain="<xarray.Dataset>")))
        == "<xarray.Dataset>"
    )
    assert text_of(show(rich(text__html="<b>bold</b> <i>words</i>"))) == "bold\nwords"


def test_a_traceback_keeps_its_end_and_its_colours() -> None:
    shown = show(
        {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["frame\n" * 300, "\x1b[31mE\x1b[0m: v"]}
    )
    assert shown.is_error
    assert shown.text[-2:] == (type(shown.text[0])("E", "red"), type(shown.text[0])(": v", ""))
    assert shown.note == "120 of 302 lines are shown"
    assert text_of(show({"output_type": "error", "ename": "E", "evalue": "v", "traceback": []})) == "E: v"


def test_long_output_is_cut_and_says_so() -> None:
    assert show({"output_type": "stream", "name": "stdout", "text": "x\n" * 500}).note == "120 of 501 lines are shown"
    assert show({"output_type": "stream", "name": "stdout", "text": "x" * 50_000}).note == (
        "12,000 of 50,000 characters are shown"
    )


def test_many_outputs_are_cut_and_say_so() -> None:
    outputs: list[dict[str, Json]] = [{"output_type": "stream", "name": "stdout", "text": "x"}] * 50
    shown = show_outputs(outputs, PictureShelf(), thumbnails=False)
    assert (len(shown), shown[-1].note) == (41, "10 more are not shown")


@pytest.mark.parametrize(
    ("data", "note"),
    [
        ({"application/javascript": "alert(1)"}, "not shown: application/javascript"),
        ({"application/vnd.jupyter.widget-view+json": {}}, "a widget, which lives only in a notebook"),
        ({"application/json": {"a": 1}}, "not shown: application/json"),
    ],
)
def test_what_is_not_shown_is_named(data: dict[str, Json], note: str) -> None:
    assert show({"output_type": "display_data", "data": data}).note == note


@pytest.mark.parametrize("output", [{}, {"output_type": 3}, {"output_type": "display_data", "data": []}, {"text": {}}])
def test_outputs_of_no_known_shape_are_empty(output: dict[str, Json]) -> None:
    shown = show(output)
    assert not shown.text
    assert shown.picture is None


def test_tables_are_compared_as_tables_and_other_html_as_words() -> None:
    table = "<table><tr><td>{}</td></tr></table>"
    pair = compare_sides(
        Mismatch(part="text/html", reason="r", reference=table.format(1), actual=table.format(2)), PictureShelf()
    )
    assert (pair.part, pair.tables[0][1].rows[0][0].mark) == ("table", "changed")
    words = compare_sides(
        Mismatch(part="text/html", reason="r", reference="<b>1</b>", actual="<b>2</b>"), PictureShelf()
    )
    assert words.text is not None
    assert words.text.numbers[0].relative == "+100 %"


def test_a_side_that_has_nothing_is_named() -> None:
    new = compare_sides(Mismatch(part="stdout", reason="r", reference=None, actual="x"), PictureShelf())
    gone = compare_sides(Mismatch(part="image/png", reason="r", reference="AAAA", actual=None), PictureShelf())
    neither = compare_sides(Mismatch(part="outputs", reason="r", reference=None, actual=None), PictureShelf())
    assert (new.only, gone.only, neither.only) == ("now", "reference", "")
    assert neither.text is None
