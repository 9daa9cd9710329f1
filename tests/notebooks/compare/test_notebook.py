from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from bindery.notebooks.compare import compare_notebook
from bindery.notebooks.results import Outcome


def code(source: str, shown: str | None = None, count: int | None = 1, **metadata: object) -> NotebookNode:
    outputs = [] if shown is None else [new_output("stream", name="stdout", text=shown)]
    cell_id = "".join(letter for letter in source if letter.isalnum())[:20] or "blank"
    return new_code_cell(source, id=cell_id, execution_count=count, outputs=outputs, metadata=metadata)


def book(*cells: NotebookNode) -> NotebookNode:
    return new_notebook(cells=list(cells))


def raising(source: str, name: str = "ValueError", value: str = "too cold", **metadata: object) -> NotebookNode:
    cell = code(source, None, 1, **metadata)
    cell.outputs = [new_output("error", ename=name, evalue=value, traceback=["…"])]
    return cell


def test_a_notebook_agrees_with_itself() -> None:
    notebook = book(
        new_markdown_cell("# a"), code("1", "1"), new_markdown_cell("b"), code("2", "2", 2), code("", None, None)
    )
    results = compare_notebook(notebook, notebook)
    assert [(result.index, result.outcome, result.compared) for result in results] == [
        (1, Outcome.PASSED, True),
        (3, Outcome.PASSED, True),
        (4, Outcome.PASSED, True),
    ]
    assert results[0].outputs == ({"output_type": "stream", "name": "stdout", "text": "1"},)


def test_what_a_table_and_its_plain_text_both_say_is_said_once() -> None:
    def shown(value: str) -> NotebookNode:
        cell = code("x")
        cell.outputs = [new_output("display_data", {"text/plain": f"x {value}", "text/html": f"<p>x {value}</p>"})]
        return book(cell)

    (result,) = compare_notebook(shown("1.25"), shown("1.26"))

    assert len(result.mismatches) == 2
    assert result.message == "number 1.25 became 1.26 (line 1; only the same digits are allowed)"


def test_a_cleared_reference_never_passes() -> None:
    (result,) = compare_notebook(book(code("x = 1", None, None)), book(code("x = 1")))
    assert (result.outcome, result.compared) == (Outcome.DIFFERS, True)
    assert result.mismatches[0].part == "execution_count"
    assert result.message == "the reference was never executed or was cleared, so there is nothing to compare with"


def test_a_reference_with_outputs_but_no_count_never_passes() -> None:
    (result,) = compare_notebook(book(code("1", "1", None)), book(code("1", "1")))
    assert result.message == "the reference has outputs but no execution count, so nobody knows where they come from"


def test_the_parameters_that_papermill_puts_in_shift_nothing() -> None:
    reference = book(code("n = 1", None, 1), new_markdown_cell("x"), code("print(n)", "1\n", 2))
    injected = new_code_cell("n = 1", execution_count=2, metadata={"tags": ["injected-parameters"]})
    failed = new_markdown_cell("An exception", metadata={"tags": ["papermill-error-cell-tag"]})
    first, words, last = (NotebookNode(cell) for cell in reference.cells)
    results = compare_notebook(reference, book(failed, first, injected, words, code("print(n)", "1\n", 3)))
    assert [(result.index, result.outcome) for result in results] == [(0, Outcome.PASSED), (2, Outcome.PASSED)]
    assert last.execution_count == 2


def test_cells_without_ids_are_matched_by_their_sources() -> None:
    reference, executed = book(code("a", "1"), code("b", "2", 2)), book(code("a", "1"), code("b", "2", 2))
    for number, cell in enumerate(executed.cells):
        cell.id = f"new-{number}"
    assert [result.outcome for result in compare_notebook(reference, executed)] == [Outcome.PASSED] * 2
    for cell in executed.cells:
        del cell["id"]
    assert [result.outcome for result in compare_notebook(reference, executed)] == [Outcome.PASSED] * 2


def test_missing_new_moved_and_changed_cells_are_differences() -> None:
    a, b, c = code("a", "1", 1), code("b", "2", 2), code("c", "3", 3)
    (_, missing, _) = compare_notebook(book(a, b, c), book(a, c))
    assert missing.message == "the cell is in the reference, but not in the notebook that was executed"
    (*_, new) = compare_notebook(book(a, b), book(a, b, c))
    assert (new.index, new.message) == (2, "the cell was executed, but is not in the reference")
    (_, _, moved) = compare_notebook(book(a, b, c), book(a, c, b))
    assert moved.message == "the cell stands at place 2 instead of 3"
    changed = NotebookNode({**b, "source": "b + 1"})
    (_, result) = compare_notebook(book(a, b), book(a, changed))
    assert (result.outcome, result.message) == (Outcome.DIFFERS, "the source is not the reference's")
    assert result.mismatches[0].part == "source"


def test_a_reference_that_ran_out_of_order_is_a_difference() -> None:
    reference, executed = book(code("a", "1", 7), code("b", "2", 3)), book(code("a", "1", 1), code("b", "2", 2))
    first, second = compare_notebook(reference, executed)
    assert first.outcome is Outcome.PASSED
    assert second.message == (
        "the reference was not made from top to bottom: this cell ran as [3], after cell 1 ran as [7]"
    )


def test_gaps_in_the_counts_are_none() -> None:
    reference, executed = book(code("a", "1", 3), code("b", "2", 9)), book(code("a", "1", 1), code("b", "2", 2))
    assert {result.outcome for result in compare_notebook(reference, executed)} == {Outcome.PASSED}


def test_an_error_ends_the_run_and_the_cells_after_it_were_not_run() -> None:
    reference = book(code("a", "1"), code("b", "2", 2), code("c", "3", 3))
    executed = book(code("a", "1"), raising("b"), code("c", None, None))
    results = compare_notebook(reference, executed)
    assert [(result.outcome, result.compared, result.message) for result in results] == [
        (Outcome.PASSED, True, ""),
        (Outcome.RAISED, False, "ValueError: too cold"),
        (Outcome.NOT_RUN, False, "the cell was not executed: cell 2 raised before it"),
    ]


def test_a_cell_that_nobody_executed_says_so() -> None:
    (result,) = compare_notebook(book(code("a", "1")), book(code("a", None, None)))
    assert (result.outcome, result.message) == (Outcome.NOT_RUN, "the cell was not executed")


def test_an_error_that_is_meant_is_compared() -> None:
    tags = {"tags": ["raises-exception"]}
    reference = book(raising("a", **tags))
    assert compare_notebook(reference, book(raising("a", **tags)))[0].outcome is Outcome.PASSED
    other = compare_notebook(reference, book(raising("a", value="too warm", **tags)))[0]
    assert (other.outcome, other.message) == (
        Outcome.DIFFERS,
        "'too cold' became 'too warm' (line 1)",
    )
    gone = compare_notebook(reference, book(code("a", **tags)))[0]
    assert (gone.outcome, gone.message) == (Outcome.DIFFERS, "this output (error) is gone")


def test_what_the_author_excepts_is_visibly_not_compared() -> None:
    for marked in (
        {"source": "# NBVAL_IGNORE_OUTPUT\nx"},
        {"source": "x", "tags": ["nbval-ignore-output"]},
        {"source": "# PYTEST_VALIDATE_IGNORE_OUTPUT\nx"},
        {"source": "x", "tags": ["nbval-check-output", "other"], "extra": "# NBVAL_IGNORE_OUTPUT\n"},
    ):
        source = str(marked.get("extra", "")) + str(marked["source"])
        cells = [code(source, shown, tags=marked.get("tags", [])) for shown in ("1", "2")]
        (result,) = compare_notebook(book(cells[0]), book(cells[1]))
        assert (result.outcome, result.compared) == (Outcome.PASSED, False)
        assert result.message == "not compared: the cell is marked nbval-ignore-output"


def test_a_cell_that_is_not_compared_may_still_not_raise() -> None:
    executed = book(raising("# NBVAL_IGNORE_OUTPUT\nx"))
    assert compare_notebook(executed, executed)[0].outcome is Outcome.RAISED


def test_skipped_cells_are_not_compared_even_if_they_were_not_executed() -> None:
    for tag, message in (
        ("nbval-skip", "not compared: the cell is marked nbval-skip"),
        ("skip-execution", "not compared: the cell is marked skip-execution, so it was not executed"),
    ):
        (result,) = compare_notebook(book(code("a", "1", tags=[tag])), book(code("a", None, None, tags=[tag])))
        assert (result.outcome, result.compared, result.message) == (Outcome.PASSED, False, message)


def test_a_comment_that_asks_for_the_check_wins_over_the_tag() -> None:
    cells = [code("# NBVAL_CHECK_OUTPUT\nx", shown, tags=["nbval-ignore-output"]) for shown in ("1", "2")]
    assert compare_notebook(book(cells[0]), book(cells[1]))[0].outcome is Outcome.DIFFERS


def test_the_time_that_a_cell_took_is_read_from_what_executed_it() -> None:
    times = {"iopub.execute_input": "2026-11-23T15:00:00.000Z", "shell.execute_reply": "2026-11-23T15:00:01.500Z"}
    for metadata, duration in (
        ({"execution": times}, 1.5),
        ({"papermill": {"duration": 2.25}, "execution": times}, 2.25),
        ({"execution": {}}, None),
        ({}, None),
    ):
        (result,) = compare_notebook(book(code("a")), book(code("a", None, 1, **metadata)))
        assert result.duration_s == duration
