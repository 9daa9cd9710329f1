from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bindery.notebooks.report import first_reason, is_as_referenced, judge, summarise_notebook, summarise_run
from bindery.notebooks.results import FailureClass, Outcome

if TYPE_CHECKING:
    from tests.notebooks.report.conftest import Sample


def test_all_as_referenced(sample: Sample) -> None:
    run = sample.run(sample.notebook("a", sample.cell(0), sample.cell(1)), sample.notebook("b"))
    assert judge(run).passed
    assert summarise_run(run) == "2 notebooks, 3 cells: all as referenced (12.0 s)"
    assert summarise_notebook(run.notebooks[0]) == "a: 2 cells as referenced, 1.5 s"


def test_one_notebook_that_differs_is_named_with_its_cell(sample: Sample) -> None:
    cells = (sample.cell(0), sample.cell(6, outcome=Outcome.DIFFERS, message="0.5 became 0.7\nand more"))
    bad = sample.notebook("gmet", *cells, outcome=Outcome.DIFFERS, failure=FailureClass.DIFFERENCE)
    run = sample.run(sample.notebook("a"), bad)
    assert judge(run).sentence == "1 of 2 notebooks differs: gmet, cell 7"
    assert not judge(run).passed
    assert summarise_notebook(bad) == "gmet: differs, 1.5 s: cell 7: 0.5 became 0.7"


def test_several_failures_are_listed(sample: Sample) -> None:
    assert judge(sample.failing_run()).sentence == (
        "2 of 3 notebooks failed: gmet-ensemble differs (cells 4 and 7); ndvi-series raised an error (cell 1)"
    )


def test_many_cells_are_counted(sample: Sample) -> None:
    cells = [sample.cell(index, outcome=Outcome.DIFFERS) for index in range(6)]
    run = sample.run(sample.notebook("a", *cells, outcome=Outcome.DIFFERS))
    assert judge(run).sentence == "1 of 1 notebook differs: a, cells 1, 2, 3 and 3 more"


def test_a_raised_notebook_names_the_cell_that_raised(sample: Sample) -> None:
    cells = (
        sample.cell(0, outcome=Outcome.DIFFERS, message="number"),
        sample.cell(1, outcome=Outcome.RAISED, message="ValueError: x"),
        sample.cell(2, outcome=Outcome.NOT_RUN, compared=False),
    )
    bad = sample.notebook("a", *cells, outcome=Outcome.RAISED, failure=FailureClass.CODE)
    assert judge(sample.run(bad)).sentence == "1 of 1 notebook raised an error: a, cell 2"
    assert summarise_notebook(bad) == "a: raised an error (code), 1.5 s: cell 2: ValueError: x"


def test_nothing_collected_is_a_failure(sample: Sample) -> None:
    assert judge(sample.run()) == replace(
        judge(sample.run()), passed=False, sentence="No notebook was collected, so nothing was compared"
    )


@pytest.mark.parametrize("cells", [0, 2])
def test_nothing_compared_is_a_failure(sample: Sample, cells: int) -> None:
    empty = replace(sample.notebook("a"), cells=tuple(sample.cell(n, compared=False) for n in range(cells)))
    assert not is_as_referenced(empty)
    assert judge(sample.run(empty, sample.notebook("b"))).sentence == "1 of 2 notebooks compared nothing: a"
    assert first_reason(empty) == "no cell was compared with a reference"


@pytest.mark.parametrize(
    ("outcome", "sentence"),
    [
        (Outcome.TIMED_OUT, "1 of 1 notebook ran out of time: a, cell 1"),
        (Outcome.KERNEL_DIED, "1 of 1 notebook lost its kernel: a, cell 1"),
        (Outcome.UNREADABLE, "1 of 1 notebook cannot be read: a, cell 1"),
        (Outcome.NO_KERNEL, "1 of 1 notebook found no kernel: a, cell 1"),
        (Outcome.NOT_RUN, "1 of 1 notebook was not run: a"),
    ],
)
def test_every_outcome_has_words(sample: Sample, outcome: Outcome, sentence: str) -> None:
    assert judge(sample.run(sample.notebook("a", sample.cell(outcome=outcome), outcome=outcome))).sentence == sentence


def test_reasons_are_fit_for_a_terminal(sample: Sample) -> None:
    message = f"\x1b]0;title\x07\x1b[31mred\r\x08 {'x' * 400}"
    bad = sample.notebook("a", sample.cell(outcome=Outcome.DIFFERS, message=message), outcome=Outcome.DIFFERS)
    assert first_reason(bad) == f"cell 1: {'x' * 159}…"
