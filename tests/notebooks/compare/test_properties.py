"""What holds for all outputs, not only for those that somebody thought of."""

import copy

from hypothesis import given
from hypothesis import strategies as st
from nbformat import from_dict
from nbformat.v4 import new_code_cell, new_notebook

from bindery.core import Json
from bindery.notebooks.compare import compare_notebook
from bindery.notebooks.compare.cells import Output
from bindery.notebooks.compare.judge import compare_outputs
from bindery.notebooks.compare.masks import mask
from bindery.notebooks.compare.outputs import fold_outputs
from bindery.notebooks.compare.text import compare_text
from bindery.notebooks.results import Outcome

TEXT = st.text(max_size=40) | st.text(alphabet="01239.eE+-nan \n\r[](){}<>%|/:", max_size=40)
JSON: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
DATA = st.dictionaries(
    st.sampled_from(["text/plain", "text/html", "text/latex", "text/markdown", "image/png", "image/svg+xml"]),
    TEXT,
    min_size=1,
    max_size=3,
) | st.fixed_dictionaries({"application/json": JSON})
OUTPUT: st.SearchStrategy[Output] = st.one_of(
    st.fixed_dictionaries(
        {"output_type": st.just("stream"), "name": st.sampled_from(["stdout", "stderr"]), "text": TEXT}
    ),
    st.fixed_dictionaries({"output_type": st.just("display_data"), "metadata": st.just({}), "data": DATA}),
    st.fixed_dictionaries(
        {"output_type": st.just("execute_result"), "execution_count": st.just(1), "metadata": st.just({}), "data": DATA}
    ),
    st.fixed_dictionaries({"output_type": st.just("error"), "ename": TEXT, "evalue": TEXT, "traceback": st.just([])}),
)
OUTPUTS = st.lists(OUTPUT, max_size=4)


@given(OUTPUTS)
def test_outputs_agree_with_themselves(outputs: list[Output]) -> None:
    assert compare_outputs(outputs, copy.deepcopy(outputs), "") == ()


@given(OUTPUTS)
def test_a_notebook_agrees_with_itself(outputs: list[Output]) -> None:
    cell = new_code_cell("x", execution_count=1, outputs=from_dict(outputs), metadata={"tags": ["raises-exception"]})
    notebook = new_notebook(cells=[cell])
    (result,) = compare_notebook(notebook, copy.deepcopy(notebook))
    assert (result.outcome, result.compared) == (Outcome.PASSED, True)


@given(OUTPUTS)
def test_comparing_changes_nothing(outputs: list[Output]) -> None:
    before = copy.deepcopy(outputs)
    compare_outputs(outputs, outputs[:1], "")
    assert repr(outputs) == repr(before)


@given(OUTPUTS, OUTPUTS)
def test_the_verdict_is_the_same_both_ways(first: list[Output], second: list[Output]) -> None:
    assert bool(compare_outputs(first, second, "")) == bool(compare_outputs(second, first, ""))


@given(OUTPUTS, OUTPUT)
def test_an_output_more_is_always_found(outputs: list[Output], more: Output) -> None:
    if more["output_type"] == "display_data":
        assert compare_outputs(outputs, [*outputs, more], "") != ()
        assert compare_outputs([*outputs, more], outputs, "") != ()


@given(OUTPUTS)
def test_folding_twice_is_folding_once(outputs: list[Output]) -> None:
    folded = fold_outputs(outputs)
    assert repr(fold_outputs(folded)) == repr(folded)


@given(OUTPUTS)
def test_the_same_comparison_gives_the_same_words(outputs: list[Output]) -> None:
    assert compare_outputs(outputs, [], "") == compare_outputs(copy.deepcopy(outputs), [], "")


@given(TEXT, TEXT)
def test_texts_of_different_words_never_agree(first: str, second: str) -> None:
    words = [[word for word in text.split() if word.isalpha()] for text in (first, second)]
    if words[0] != words[1] and mask(first) == first and "\x1b" not in first + second:
        assert compare_text(first, second) != []
