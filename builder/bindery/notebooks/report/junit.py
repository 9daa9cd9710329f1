"""JUnit XML: what continuous integration shows. A suite per notebook, a case per code cell.

Source: the schema that Jenkins' xunit plugin publishes (junit-10.xsd), in the subset that GitLab and GitHub's
reporters read too.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

from bindery.notebooks.report.ansi import strip_ansi
from bindery.notebooks.report.verdict import NOTHING_COMPARED, cell_name, failed_cells, is_as_referenced, judge
from bindery.notebooks.report.words import first_line, iso_date
from bindery.notebooks.results import FailureClass, Outcome

if TYPE_CHECKING:
    from bindery.notebooks.results import CellResult, Mismatch, NotebookResult, TestRun

# Everything that the Char production of XML 1.0 leaves out.
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TEXT_LIMIT = 20_000


def encode_junit(run: TestRun) -> str:
    """Return the run as JUnit XML; a run or a notebook that compared nothing has a failed case that says so."""
    suites = [_notebook_suite(one, run) for one in run.notebooks] or [_empty_suite(run)]
    root = ET.Element("testsuites", name="bindery", time=f"{run.duration_s:.3f}")
    root.extend(suites)
    for count in ("tests", "failures", "errors", "skipped"):
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in suites)))
    ET.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _notebook_suite(result: NotebookResult, run: TestRun) -> ET.Element:
    named = {cell.index for cell in failed_cells(result)}
    cases = [_cell_case(result, cell, named) for cell in result.cells]
    if not is_as_referenced(result) and not named:
        cases.append(_notebook_case(result))
    return _suite(result.name, cases, result.duration_s, run)


def _empty_suite(run: TestRun) -> ET.Element:
    case = ET.Element("testcase", name="collection", classname="bindery", time="0.000")
    ET.SubElement(case, "failure", type=FailureClass.DATA.value, message=judge(run).sentence)
    return _suite("bindery", [case], run.duration_s, run)


def _suite(name: str, cases: list[ET.Element], duration_s: float, run: TestRun) -> ET.Element:
    suite = ET.Element(
        "testsuite",
        name=_legal(name),
        tests=str(len(cases)),
        failures=str(sum(case.find("failure") is not None for case in cases)),
        errors="0",
        skipped=str(sum(case.find("skipped") is not None for case in cases)),
        time=f"{duration_s:.3f}",
        timestamp=iso_date(run.started_epoch_s).removesuffix("Z"),
    )
    properties = ET.SubElement(suite, "properties")
    facts = {
        "environment": run.environment,
        "release": run.release or "",
        "packages": run.packages,
        "lock": run.lock_digest,
        "platform": run.platform,
        "python": run.python,
    }
    for key, value in facts.items():
        ET.SubElement(properties, "property", name=key, value=_legal(value))
    suite.extend(cases)
    return suite


def _cell_case(result: NotebookResult, cell: CellResult, named: set[int]) -> ET.Element:
    case = ET.Element(
        "testcase",
        name=cell_name(cell),
        classname=_legal(result.name),
        file=_legal(str(result.path)),
        time=f"{cell.duration_s or 0:.3f}",
    )
    if cell.index in named:
        failure = ET.SubElement(
            case,
            "failure",
            type=(result.failure or FailureClass.DIFFERENCE).value,
            message=_legal(first_line(cell.message) or cell.outcome.value),
        )
        failure.text = _legal(_explain(cell))[:_TEXT_LIMIT]
    elif cell.outcome is Outcome.NOT_RUN:
        # The cell before it is the failure; a second one for each that follows would only hide it.
        ET.SubElement(case, "skipped", message="not run")
    elif not cell.compared:
        ET.SubElement(case, "skipped", message="ran, but has nothing to be compared with")
    return case


def _notebook_case(result: NotebookResult) -> ET.Element:
    case = ET.Element("testcase", name="notebook", classname=_legal(result.name), time=f"{result.duration_s:.3f}")
    failure = ET.SubElement(
        case,
        "failure",
        type=(result.failure or FailureClass.DATA).value,
        message=_legal(first_line(result.message) or NOTHING_COMPARED),
    )
    failure.text = _legal(f"{result.outcome}: {result.message or NOTHING_COMPARED}")[:_TEXT_LIMIT]
    return case


def _explain(cell: CellResult) -> str:
    parts = [f"{cell.outcome}: {cell.message}", *(_explain_mismatch(one) for one in cell.mismatches)]
    for output in cell.outputs:
        lines = output.get("traceback")
        if output.get("output_type") == "error" and isinstance(lines, list):
            parts.append("\n".join(str(line) for line in lines))
    return "\n\n".join([*parts, f"source:\n{cell.source}"])


def _explain_mismatch(mismatch: Mismatch) -> str:
    if mismatch.part.startswith("image/"):
        return f"{mismatch.part}: {mismatch.reason}"
    now = "(nothing)" if mismatch.actual is None else mismatch.actual
    then = "(nothing)" if mismatch.reference is None else mismatch.reference
    return f"{mismatch.part}: {mismatch.reason}\nreference:\n{then}\nnow:\n{now}"


def _legal(text: str) -> str:
    return _ILLEGAL.sub("", strip_ansi(text))
