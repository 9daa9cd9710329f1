"""The report of a run: a page for people, JUnit XML for continuous integration, JSON for programs, a line for logs."""

from bindery.notebooks.report.html import render_page, write_report
from bindery.notebooks.report.junit import encode_junit
from bindery.notebooks.report.results_file import encode_results, parse_results
from bindery.notebooks.report.verdict import (
    Verdict,
    first_reason,
    is_as_referenced,
    judge,
    summarise_notebook,
    summarise_run,
)

__all__ = [
    "Verdict",
    "encode_junit",
    "encode_results",
    "first_reason",
    "is_as_referenced",
    "judge",
    "parse_results",
    "render_page",
    "summarise_notebook",
    "summarise_run",
    "write_report",
]
