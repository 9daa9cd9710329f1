"""``results.json``: a whole run, from which its report can be made again. Schema 1."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bindery.clusters import ClusterMetrics, MemorySample, TaskSpan
from bindery.core import BadInput
from bindery.notebooks.report.document import Node
from bindery.notebooks.report.verdict import judge
from bindery.notebooks.results import CellResult, FailureClass, Mismatch, NotebookResult, Outcome, TestRun

if TYPE_CHECKING:
    from bindery.core import Json

SCHEMA = 1


def encode_results(run: TestRun) -> Json:
    """Return the run as JSON: ``parse_results`` gives the same run back."""
    verdict = judge(run)
    return {
        "schema": SCHEMA,
        "passed": verdict.passed,
        "verdict": verdict.sentence,
        "environment": run.environment,
        "release": run.release,
        "packages": run.packages,
        "lock_digest": run.lock_digest,
        "platform": run.platform,
        "python": run.python,
        "versions": dict(run.versions),
        "cluster": run.cluster,
        "started_epoch_s": run.started_epoch_s,
        "duration_s": run.duration_s,
        "notebooks": [_notebook(one) for one in run.notebooks],
    }


def _notebook(result: NotebookResult) -> Json:
    return {
        "name": result.name,
        "path": str(result.path),
        "outcome": result.outcome.value,
        "failure": None if result.failure is None else result.failure.value,
        "message": result.message,
        "duration_s": result.duration_s,
        "executed": None if result.executed is None else str(result.executed),
        "metrics": None if result.metrics is None else _metrics(result.metrics),
        "cells": [_cell(cell) for cell in result.cells],
    }


def _cell(cell: CellResult) -> Json:
    return {
        "index": cell.index,
        "source": cell.source,
        "outcome": cell.outcome.value,
        "compared": cell.compared,
        "duration_s": cell.duration_s,
        "message": cell.message,
        "mismatches": [
            {
                "part": one.part,
                "reason": one.reason,
                "reference": one.reference,
                "actual": one.actual,
                "picture": one.picture,
            }
            for one in cell.mismatches
        ],
        "reference_outputs": list(cell.reference_outputs),
        "outputs": list(cell.outputs),
    }


def _metrics(metrics: ClusterMetrics) -> Json:
    return {
        "graphs": metrics.graphs,
        "tasks_submitted": metrics.tasks_submitted,
        "tasks_done": dict(metrics.tasks_done),
        "tasks_failed": metrics.tasks_failed,
        "output_bytes": metrics.output_bytes,
        "output_bytes_by_prefix": dict(metrics.output_bytes_by_prefix),
        "transferred_bytes": metrics.transferred_bytes,
        "peak_memory_bytes": metrics.peak_memory_bytes,
        # Rows, not tables: a run may have 100,000 of them.
        "spans": [[s.worker, s.thread, s.prefix, s.action, s.start_s, s.stop_s] for s in metrics.spans],
        "memory": [[sample.time_s, sample.used_bytes, sample.spilled_bytes] for sample in metrics.memory],
    }


def parse_results(document: Json, where: str) -> TestRun:
    """Return the run that ``encode_results`` wrote.

    Raises:
        BadInput: a key is missing, a value has the wrong type, or the schema is not 1.

    """
    top = Node(document, where)
    schema = top.key("schema").integer()
    if schema != SCHEMA:
        raise BadInput(
            f"schema is {schema}, expected {SCHEMA}", where, "make the report with the Bindery that wrote it"
        )
    return TestRun(
        environment=top.key("environment").text(),
        release=top.key("release").text_or_none(),
        packages=top.key("packages").text(),
        lock_digest=top.key("lock_digest").text(),
        platform=top.key("platform").text(),
        python=top.key("python").text(),
        versions={name: value.text() for name, value in top.key("versions").items()},
        cluster=top.key("cluster").text(),
        started_epoch_s=top.key("started_epoch_s").integer(),
        duration_s=top.key("duration_s").number(),
        notebooks=tuple(_parse_notebook(node) for node in top.key("notebooks").rows()),
    )


def _parse_notebook(node: Node) -> NotebookResult:
    failure, executed, metrics = node.key("failure"), node.key("executed").text_or_none(), node.key("metrics")
    return NotebookResult(
        name=node.key("name").text(),
        path=Path(node.key("path").text()),
        outcome=node.key("outcome").choice(Outcome),
        failure=None if failure.value is None else failure.choice(FailureClass),
        message=node.key("message").text(),
        cells=tuple(_parse_cell(cell) for cell in node.key("cells").rows()),
        duration_s=node.key("duration_s").number(),
        metrics=None if metrics.value is None else _parse_metrics(metrics),
        executed=None if executed is None else Path(executed),
    )


def _parse_cell(node: Node) -> CellResult:
    duration = node.key("duration_s")
    return CellResult(
        index=node.key("index").integer(),
        source=node.key("source").text(),
        outcome=node.key("outcome").choice(Outcome),
        compared=node.key("compared").flag(),
        duration_s=None if duration.value is None else duration.number(),
        message=node.key("message").text(),
        mismatches=tuple(_parse_mismatch(one) for one in node.key("mismatches").rows()),
        reference_outputs=tuple(one.table() for one in node.key("reference_outputs").rows()),
        outputs=tuple(one.table() for one in node.key("outputs").rows()),
    )


def _parse_mismatch(node: Node) -> Mismatch:
    return Mismatch(
        part=node.key("part").text(),
        reason=node.key("reason").text(),
        reference=node.key("reference").text_or_none(),
        actual=node.key("actual").text_or_none(),
        picture=node.key("picture").text_or_none(),
    )


def _parse_metrics(node: Node) -> ClusterMetrics:
    return ClusterMetrics(
        graphs=node.key("graphs").integer(),
        tasks_submitted=node.key("tasks_submitted").integer(),
        tasks_done={name: value.integer() for name, value in node.key("tasks_done").items()},
        tasks_failed=node.key("tasks_failed").integer(),
        output_bytes=node.key("output_bytes").integer(),
        output_bytes_by_prefix={name: each.integer() for name, each in node.key("output_bytes_by_prefix").items()},
        transferred_bytes=node.key("transferred_bytes").integer(),
        peak_memory_bytes=node.key("peak_memory_bytes").integer(),
        spans=tuple(_parse_span(row) for row in node.key("spans").rows()),
        memory=tuple(_parse_sample(row) for row in node.key("memory").rows()),
    )


def _parse_span(row: Node) -> TaskSpan:
    worker, thread, prefix, action, start, stop = row.columns(6)
    return TaskSpan(
        worker=worker.text(),
        thread=thread.integer(),
        prefix=prefix.text(),
        action=action.text(),
        start_s=start.number(),
        stop_s=stop.number(),
    )


def _parse_sample(row: Node) -> MemorySample:
    time, used, spilled = row.columns(3)
    return MemorySample(time_s=time.number(), used_bytes=used.integer(), spilled_bytes=spilled.integer())
