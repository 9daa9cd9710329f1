from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bindery.core import BadInput, encode_json, parse_json
from bindery.notebooks.report import encode_results, parse_results

if TYPE_CHECKING:
    from tests.notebooks.report.conftest import Sample

    from bindery.core import Json
    from bindery.notebooks.results import TestRun


def test_a_run_comes_back_as_it_was(sample: Sample) -> None:
    run = sample.failing_run()
    assert parse_results(parse_json(encode_json(encode_results(run))), "results.json") == run


def test_an_empty_run_comes_back_and_has_not_passed(sample: Sample) -> None:
    run = sample.run(release=None)
    document = encode_results(run)
    assert parse_results(document, "results.json") == run
    assert isinstance(document, dict)
    assert (document["schema"], document["passed"]) == (1, False)


def test_any_text_can_be_written(hostile_run: TestRun) -> None:
    text = encode_json(encode_results(hostile_run))
    assert len(parse_results(parse_json(text), "results.json").notebooks) == len(hostile_run.notebooks)


def test_the_same_run_gives_the_same_bytes(sample: Sample) -> None:
    run = sample.failing_run()
    other = replace(run, versions=dict(reversed(run.versions.items())))
    assert encode_json(encode_results(run)) == encode_json(encode_results(other))


@pytest.mark.parametrize(
    ("keys", "value", "sentence"),
    [
        ((), [], "results.json: the document is not an object"),
        (
            ("schema",),
            2,
            "results.json: schema is 2, expected 1\n  fix: make the report with the Bindery that wrote it",
        ),
        (("schema",), True, "results.json: schema is not a whole number"),
        (("environment",), 1, "results.json: environment is not a string"),
        (("duration_s",), "1", "results.json: duration_s is not a number"),
        (("notebooks",), {}, "results.json: notebooks is not a list"),
        (
            ("notebooks", 0, "cells", 1, "compared"),
            1,
            "results.json: notebooks[0].cells[1].compared is not true or false",
        ),
        (("notebooks", 0, "cells", 1), {}, "results.json: notebooks[0].cells[1].duration_s is missing"),
        (
            ("notebooks", 0, "cells", 0, "outputs", 0),
            1,
            "results.json: notebooks[0].cells[0].outputs[0] is not an object",
        ),
        (
            ("notebooks", 0, "outcome"),
            "fine",
            (
                "results.json: notebooks[0].outcome is not one of "
                "passed, differs, raised, timed out, kernel died, unreadable, no kernel, not run"
            ),
        ),
        (
            ("notebooks", 0, "metrics", "spans", 2),
            [1],
            "results.json: notebooks[0].metrics.spans[2] is not a list of 6",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(
    sample: Sample, keys: tuple[str | int, ...], value: Json, sentence: str
) -> None:
    document: Json = json.loads(encode_json(encode_results(sample.failing_run())))
    if keys:
        place = document
        for key in keys[:-1]:
            place = place[key]  # type: ignore[index,call-overload]
        place[keys[-1]] = value  # type: ignore[index,call-overload]
    else:
        document = value
    with pytest.raises(BadInput) as caught:
        parse_results(document, "results.json")
    assert str(caught.value) == sentence
