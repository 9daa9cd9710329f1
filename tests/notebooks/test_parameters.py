from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bindery.core import BadInput
from bindery.notebooks import Notebook
from bindery.notebooks.parameters import find_parameters, parameters_of, refuse_unknown

if TYPE_CHECKING:
    from bindery.core import Json


def make(source: Json, tag: str = "parameters") -> Notebook:
    cells: Json = [
        {"cell_type": "markdown", "metadata": {"tags": ["parameters"]}, "source": "no = 1"},
        {"cell_type": "code", "metadata": {}, "source": "neither = 1"},
        {"cell_type": "code", "metadata": {"tags": [tag]}, "source": source},
    ]
    return Notebook(name="n", path=Path("n.ipynb"), document={"cells": cells, "metadata": {}, "nbformat": 4})


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("members = 9  # of the ensemble\ndays: int = 365", {"members", "days"}),
        (["a = b = 1\n", "(c, d) = 1, 2"], {"a", "b", "c", "d"}),
        ("%matplotlib inline\nx = 1", {"x"}),
        ("not python", set()),
    ],
)
def test_names_that_the_cell_assigns_are_parameters(source: Json, names: set[str]) -> None:
    assert find_parameters(make(source)) == names


def test_a_notebook_without_the_cell_has_none() -> None:
    assert find_parameters(make("x = 1", "other")) == frozenset()


def test_a_notebook_gets_only_what_it_has() -> None:
    assert parameters_of(make("x = 1"), {"x": 2, "y": 3}) == {"x": 2}


def test_a_parameter_of_no_notebook_is_refused() -> None:
    notebooks = [make("members = 1"), make("days = 1")]
    refuse_unknown(notebooks, {"members": 2, "days": 3})
    with pytest.raises(BadInput) as near:
        refuse_unknown(notebooks, {"member": 2})
    assert str(near.value) == "no notebook has a parameter 'member'\n  fix: did you mean members?"
    with pytest.raises(BadInput) as far:
        refuse_unknown(notebooks, {"x": 2})
    assert str(far.value) == "no notebook has a parameter 'x'\n  fix: have days, members"
    with pytest.raises(BadInput) as none:
        refuse_unknown([], {"x": 2})
    assert str(none.value) == "no notebook has a parameter 'x'\n  fix: have none"
