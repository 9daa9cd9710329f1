from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import TYPE_CHECKING

from bindery.notebooks.report import encode_junit
from bindery.notebooks.results import FailureClass, Outcome

if TYPE_CHECKING:
    from tests.notebooks.report.conftest import Sample

    from bindery.notebooks.results import TestRun

# junit-10.xsd: which attributes each element may have, and which elements may stand in it.
SCHEMA = {
    "testsuites": ({"name", "time", "tests", "failures", "errors", "skipped"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors", "skipped", "time", "timestamp"},
        {"properties", "testcase"},
    ),
    "properties": (set(), {"property"}),
    "property": ({"name", "value"}, set()),
    "testcase": ({"name", "classname", "time", "file"}, {"failure", "skipped"}),
    "failure": ({"type", "message"}, set()),
    "skipped": ({"message"}, set()),
}


def parse(run: TestRun) -> ET.Element:
    root = ET.fromstring(encode_junit(run).encode())  # noqa: S314 - our own text
    for element in root.iter():
        attributes, children = SCHEMA[element.tag]
        assert set(element.attrib) <= attributes
        assert {child.tag for child in element} <= children
    for suite in root:
        assert int(suite.get("tests", "")) == len(suite.findall("testcase"))
        assert int(suite.get("failures", "")) == len(suite.findall("testcase/failure"))
        assert int(suite.get("skipped", "")) == len(suite.findall("testcase/skipped"))
    for count in ("tests", "failures", "skipped", "errors"):
        assert int(root.get(count, "")) == sum(int(suite.get(count, "")) for suite in root)
    return root


def test_a_suite_per_notebook_and_a_case_per_cell(sample: Sample) -> None:
    root = parse(sample.failing_run())
    assert [suite.get("name") for suite in root] == ["gmet-ensemble", "weekly-mean", "ndvi-series"]
    assert [case.get("name") for case in root[0].findall("testcase")] == ["cell 2", "cell 4", "cell 7"]
    assert (root.get("tests"), root.get("failures"), root.get("skipped")) == ("6", "3", "1")
    assert root[0].get("timestamp") == "2026-11-22T14:00:00"
    assert root[0].find("properties/property[@name='release']").get("value") == "2026.11.22"  # type: ignore[union-attr]


def test_a_failure_has_its_class_and_both_sides(sample: Sample) -> None:
    failures = parse(sample.failing_run()).findall("testsuite/testcase/failure")
    assert [one.get("type") for one in failures] == ["difference", "difference", "code"]
    assert failures[0].get("message") == "0.5 became 0.7"
    assert failures[0].text == (
        "differs: 0.5 became 0.7\n\nstdout: a number differs\nreference:\n0.5 K\n\nnow:\n0.7 K\n\n\n"
        "source:\nprint(spread)"
    )
    assert "ValueError: shapes" in (failures[2].text or "")
    assert "\x1b" not in (failures[2].text or "")
    assert "iVBOR" not in (failures[1].text or "")  # no pictures in XML


def test_cells_after_a_failure_are_skipped_and_ones_without_reference_say_so(sample: Sample) -> None:
    cells = (
        sample.cell(0, compared=False),
        sample.cell(1, outcome=Outcome.RAISED),
        sample.cell(2, outcome=Outcome.NOT_RUN, compared=False, duration_s=None),
    )
    root = parse(sample.run(sample.notebook("a", *cells, outcome=Outcome.RAISED, failure=FailureClass.CODE)))
    assert [one.get("message") for one in root.findall("testsuite/testcase/skipped")] == [
        "ran, but has nothing to be compared with",
        "not run",
    ]


def test_nothing_collected_is_a_failure(sample: Sample) -> None:
    root = parse(sample.run())
    assert root.get("failures") == "1"
    failure = root.find("testsuite/testcase[@name='collection']/failure")
    assert failure is not None
    assert failure.get("message") == "No notebook was collected, so nothing was compared"


def test_nothing_compared_is_a_failure(sample: Sample) -> None:
    root = parse(sample.run(sample.notebook("a", sample.cell(compared=False))))
    failure = root.find("testsuite/testcase[@name='notebook']/failure")
    assert failure is not None
    assert failure.get("message") == "no cell was compared with a reference"


def test_a_notebook_that_never_ran_is_a_failure(sample: Sample) -> None:
    cell = sample.cell(outcome=Outcome.NOT_RUN, compared=False)
    no_cells = replace(
        sample.notebook("b"), cells=(), outcome=Outcome.UNREADABLE, failure=FailureClass.DATA, message="is not JSON"
    )
    root = parse(sample.run(sample.notebook("a", cell, outcome=Outcome.NOT_RUN), no_cells))
    assert [suite.get("failures") for suite in root] == ["1", "1"]
    failure = root.find("testsuite[@name='b']/testcase/failure")
    assert failure is not None
    assert (failure.get("type"), failure.get("message")) == ("data", "is not JSON")


def test_illegal_characters_are_left_out(sample: Sample, hostile_run: TestRun) -> None:
    parse(hostile_run)
    text = "a\x00b\x08\ud800\ufffe\x0b<&>\"'\x1b[31m"
    bad = sample.notebook("a", sample.cell(outcome=Outcome.DIFFERS, message=text), outcome=Outcome.DIFFERS)
    failure = parse(sample.run(bad)).find("testsuite/testcase/failure")
    assert failure is not None
    assert failure.get("message") == "ab<&>\"'"
