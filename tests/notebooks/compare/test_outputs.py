import pytest

from bindery.notebooks.compare.cells import Output
from bindery.notebooks.compare.judge import compare_outputs
from bindery.notebooks.compare.outputs import fold_outputs, is_quiet

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"


def stream(text: str, name: str = "stdout") -> Output:
    return {"output_type": "stream", "name": name, "text": text}


def display(text: str, **data: str) -> Output:
    return {"output_type": "display_data", "metadata": {}, "data": {"text/plain": text, **data}}


def result(text: str) -> Output:
    return {**display(text), "output_type": "execute_result", "execution_count": 1}


def test_streams_become_one_each_as_a_terminal_shows_them() -> None:
    outputs = [stream("a"), stream("x\n", "stderr"), display("d"), stream("b\rlong\rno"), stream("\b\bma\n")]
    assert fold_outputs(outputs) == [stream("mang\n"), stream("x\n", "stderr"), display("d")]
    assert fold_outputs([stream("step 1\r"), stream("\r"), stream("done  \n")]) == [stream("done\n")]
    assert fold_outputs([stream("a\r\nb")]) == [stream("a\nb")]
    assert fold_outputs([stream("")]) == []


def test_folding_leaves_what_it_was_given_alone() -> None:
    outputs = [stream("a\rb"), stream("c")]
    fold_outputs(outputs)
    assert outputs == [stream("a\rb"), stream("c")]


def test_an_update_changes_the_display_that_it_updates() -> None:
    first = {**display("first"), "transient": {"display_id": "1"}}
    update = {**display("second"), "output_type": "update_display_data", "transient": {"display_id": "1"}}
    assert fold_outputs([first, display("other"), update]) == [
        {**display("second"), "transient": {"display_id": "1"}},
        display("other"),
    ]
    assert compare_outputs([display("second")], [first, update], "") == ()


def test_an_update_of_an_unknown_display_does_not_vanish() -> None:
    update = {**display("second"), "output_type": "update_display_data", "transient": {"display_id": "2"}}
    assert [output["output_type"] for output in fold_outputs([update])] == ["display_data"]
    assert compare_outputs([], [update], "") != ()


@pytest.mark.parametrize(
    ("source", "quiet"),
    [
        ("plot();", True),
        ("plot();  # done", True),
        ("plot()\n# ;", False),
        ("'a;'", False),
        ("x = 1", False),
        ("%matplotlib inline\nplot();", True),
        ("!ls", False),
        ("(", False),
        ("", False),
    ],
)
def test_a_semicolon_at_the_end_keeps_ipython_quiet(source: str, *, quiet: bool) -> None:
    assert is_quiet(source) is quiet


def test_a_result_that_a_semicolon_hides_is_no_difference() -> None:
    assert compare_outputs([display("figure")], [result("[<Line2D>]"), display("figure")], "plot();") == ()
    assert compare_outputs([display("figure")], [result("[<Line2D>]"), display("figure")], "plot()") != ()
    assert compare_outputs([result("1")], [result("2")], "plot();") != ()


def test_how_streams_and_displays_interleave_does_not_count() -> None:
    assert compare_outputs([stream("a\n"), display("d")], [display("d"), stream("a\n")], "") == ()


def test_a_view_of_a_widget_is_not_compared_but_the_text_beside_it_is() -> None:
    view = "application/vnd.jupyter.widget-view+json"
    assert compare_outputs([display("VBox()", **{view: "1"})], [display("VBox()")], "") == ()
    assert compare_outputs([display("VBox()", **{view: "1"})], [display("HBox()", **{view: "2"})], "") != ()


@pytest.mark.parametrize(
    ("reference", "actual", "part", "reason"),
    [
        ([display("a"), display("b")], [display("b")], "text/plain", "this output (text/plain) is gone"),
        (
            [display("b")],
            [display("a"), display("b")],
            "text/plain",
            "this output (text/plain) is new: the reference has none",
        ),
        ([stream("a\n")], [], "stdout", "this output (stdout) is gone"),
        ([], [stream("a\n", "stderr")], "stderr", "this output (stderr) is new: the reference has none"),
        ([display("a", **{"image/png": PNG})], [display("a")], "image/png", "this output (image/png) is gone"),
        ([display("a", **{"image/png": PNG})], [], "image/png", "this output (image/png, text/plain) is gone"),
        (
            [{"output_type": "error", "ename": "KeyError", "evalue": "'a'", "traceback": []}],
            [{"output_type": "error", "ename": "KeyError", "evalue": "'b'", "traceback": []}],
            "error",
            "\"KeyError: 'a'\" became \"KeyError: 'b'\" (line 1)",
        ),
        (
            [display("1.25")],
            [display("1.26")],
            "text/plain",
            "number 1.25 became 1.26 (line 1; only the same digits are allowed)",
        ),
    ],
)
def test_what_is_gone_new_or_changed_is_named(
    reference: list[Output], actual: list[Output], part: str, reason: str
) -> None:
    mismatches = compare_outputs(reference, actual, "")
    assert [(mismatch.part, mismatch.reason) for mismatch in mismatches] == [(part, reason)]


def test_a_traceback_is_not_compared() -> None:
    first: Output = {"output_type": "error", "ename": "E", "evalue": "x at 0x7f0000000000", "traceback": ["/a:1"]}
    second: Output = {"output_type": "error", "ename": "E", "evalue": "x at 0x7fffffffffff", "traceback": ["/b:2"]}
    assert compare_outputs([first], [second], "") == ()


def test_both_values_and_a_picture_are_handed_on() -> None:
    json_part = "application/json"
    first: Output = {"output_type": "display_data", "data": {json_part: {"b": 1, "a": [1]}}}
    second: Output = {"output_type": "display_data", "data": {json_part: {"b": 2, "a": [1]}}}
    (mismatch,) = compare_outputs([first], [second], "")
    assert mismatch.reference == '{\n "a": [\n  1\n ],\n "b": 1\n}'
    assert mismatch.actual == '{\n "a": [\n  1\n ],\n "b": 2\n}'
    assert mismatch.picture is None


def test_what_nbval_refuses_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bindery.notebooks.compare.judge.compare_part", lambda *_: None)
    monkeypatch.setattr("bindery.notebooks.compare.judge._settle", lambda _expected, found, _parts: found)
    (mismatch,) = compare_outputs([display("a")], [display("b")], "")
    assert (mismatch.part, mismatch.reason) == ("outputs", "nbval: text/plain differs")
