"""Everything that stands on the page, as plain values in the order in which it stands there."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bindery.notebooks.report.ansi import clean_text
from bindery.notebooks.report.charts import (
    DurationBar,
    MemoryPicture,
    Tick,
    draw_durations,
    draw_memory,
    draw_ticks,
)
from bindery.notebooks.report.comparison import Comparison, compare_sides
from bindery.notebooks.report.outputs import ShownOutput, joined, show_outputs, traceback_of
from bindery.notebooks.report.pictures import PictureShelf
from bindery.notebooks.report.stream import TaskStream, draw_stream, find_extent
from bindery.notebooks.report.verdict import Verdict, cell_name, first_reason, is_as_referenced, judge
from bindery.notebooks.report.words import first_line, iso_date, make_slugs, say_bytes, say_count, say_date, say_seconds
from bindery.notebooks.results import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bindery.clusters import ClusterMetrics
    from bindery.core import Json
    from bindery.notebooks.results import CellResult, Mismatch, NotebookResult, TestRun

SOURCE_LIMIT = 20_000
MISMATCHES_SHOWN = 20
THUMBNAILS_SHOWN = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Badge:
    """How something ended: a sign, a word, and a style, so that none of them has to be seen alone."""

    sign: str
    word: str
    style: str


_BADGES = {
    Outcome.PASSED: Badge(sign="✓", word="as referenced", style="o-passed"),
    Outcome.DIFFERS: Badge(sign="≠", word="differs", style="o-differs"),
    Outcome.RAISED: Badge(sign="✕", word="raised", style="o-raised"),
    Outcome.TIMED_OUT: Badge(sign="◷", word="timed out", style="o-timed-out"),
    Outcome.KERNEL_DIED: Badge(sign="✕", word="kernel died", style="o-kernel-died"),
    Outcome.UNREADABLE: Badge(sign="✕", word="unreadable", style="o-unreadable"),
    Outcome.NO_KERNEL: Badge(sign="✕", word="no kernel", style="o-no-kernel"),
    Outcome.NOT_RUN: Badge(sign="–", word="not run", style="o-not-run"),  # noqa: RUF001
}
_RAN_ONLY = Badge(sign="·", word="ran, not compared", style="o-ran")
_NOTHING = Badge(sign="✕", word="compared nothing", style="o-differs")


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownCell:
    """One cell of a notebook."""

    anchor: str
    name: str
    badge: Badge
    time: str
    message: str
    source: str
    comparisons: tuple[Comparison, ...]
    outputs: tuple[ShownOutput, ...]
    note: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownCluster:
    """What the cluster did for a notebook."""

    facts: tuple[tuple[str, str], ...]
    stream: TaskStream
    memory: MemoryPicture | None
    ticks: tuple[Tick, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownNotebook:
    """One notebook: ``wrong`` cells are shown open, ``right`` ones folded."""

    anchor: str
    name: str
    path: str
    badge: Badge
    failure: str
    message: str
    reason: str
    cells: str
    time: str
    tasks: str
    size: str
    memory: str
    durations: tuple[DurationBar, ...]
    durations_text: str
    wrong: tuple[ShownCell, ...]
    right: tuple[ShownCell, ...]
    not_run: tuple[ShownCell, ...]
    right_text: str
    cluster: ShownCluster | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """The whole page."""

    verdict: Verdict
    title: str
    facts: tuple[tuple[str, str], ...]
    versions: tuple[tuple[str, str], ...]
    date: str
    date_iso: str
    notebooks: tuple[ShownNotebook, ...]


def make_page(run: TestRun) -> Page:
    """Return the page of the run; the same run gives the same page."""
    verdict = judge(run)
    shelf = PictureShelf()
    slugs = make_slugs(one.name for one in run.notebooks)
    # What differs is what people come for, so its pictures get their place on the page first.
    order = sorted(range(len(slugs)), key=lambda place: is_as_referenced(run.notebooks[place]))
    shown = {place: _show_notebook(run.notebooks[place], slugs[place], shelf) for place in order}
    return Page(
        verdict=verdict,
        title=f"{'Passed' if verdict.passed else 'Failed'}: notebooks of {run.environment}",
        facts=_facts(run),
        versions=tuple(run.versions.items()),
        date=say_date(run.started_epoch_s),
        date_iso=iso_date(run.started_epoch_s),
        notebooks=tuple(shown[place] for place in sorted(shown)),
    )


def _facts(run: TestRun) -> tuple[tuple[str, str], ...]:
    return (
        ("Environment", run.environment),
        ("Release", run.release or "none: the environment as it is now"),
        ("Packages from", run.packages),
        ("Lock", run.lock_digest),
        ("Python", f"{run.python}, {run.platform}"),
        ("Cluster", run.cluster),
        ("Took", say_seconds(run.duration_s)),
    )


def _show_notebook(result: NotebookResult, slug: str, shelf: PictureShelf) -> ShownNotebook:
    metrics = result.metrics
    anchors = [f"{slug}.cell-{cell.index + 1}" for cell in result.cells]
    pairs = list(zip(result.cells, anchors, strict=True))
    right = [pair for pair in pairs if pair[0].outcome is Outcome.PASSED]
    not_run = [pair for pair in pairs if pair[0].outcome is Outcome.NOT_RUN]
    wrong = [pair for pair in pairs if pair not in right and pair not in not_run]
    counts = Counter(_BADGES[cell.outcome].word for cell in result.cells)
    holds, reason = is_as_referenced(result), first_reason(result)
    badge = _NOTHING if result.outcome is Outcome.PASSED and not holds else _BADGES[result.outcome]
    compared = sum(cell.compared for cell, _ in right)
    return ShownNotebook(
        anchor=slug,
        name=clean_text(result.name),
        path=clean_text(str(result.path)),
        badge=badge,
        failure="" if result.failure is None else result.failure.value,
        message="" if first_line(result.message) in reason else clean_text(result.message),
        reason=reason,
        cells=f"{len(right)} of {len(pairs)}",
        time=say_seconds(result.duration_s),
        tasks="n/a" if metrics is None else f"{sum(metrics.tasks_done.values()):,}",
        size="n/a" if metrics is None else say_bytes(metrics.output_bytes),
        memory="n/a" if metrics is None else say_bytes(metrics.peak_memory_bytes),
        durations=draw_durations(result.cells, anchors),
        durations_text=f"{say_count(len(pairs), 'cell')}: "
        + ", ".join(f"{count} {word}" for word, count in sorted(counts.items())),
        wrong=tuple(_show_cell(cell, anchor, shelf, open_=True) for cell, anchor in wrong),
        right=tuple(_show_cell(cell, anchor, shelf, open_=False) for cell, anchor in right),
        not_run=tuple(_show_cell(cell, anchor, shelf, open_=False) for cell, anchor in not_run),
        right_text=_count_right(compared, len(right) - compared),
        cluster=None if metrics is None else _show_cluster(metrics),
    )


def _count_right(compared: int, ran: int) -> str:
    parts = [f"{say_count(compared, 'cell')} as referenced"] if compared else []
    parts += [f"{say_count(ran, 'cell')} ran, not compared"] if ran else []
    return ", ".join(parts)


def _show_cell(cell: CellResult, anchor: str, shelf: PictureShelf, *, open_: bool) -> ShownCell:
    outputs = cell.outputs
    mismatches = cell.mismatches
    if any(output.get("output_type") == "error" for output in outputs):
        # The traceback is among the outputs, in colour; a second copy of it says nothing new.
        tracebacks = {traceback_of(output) for output in outputs if output.get("output_type") == "error"}
        mismatches = tuple(one for one in mismatches if one.reference is not None or one.actual not in tracebacks)
    shown = _drop_plain_twins(mismatches)
    reasons = " ".join(one.reason for one in mismatches)
    told = bool(mismatches) and all(part in reasons for part in cell.message.split("; "))
    passed = cell.outcome is Outcome.PASSED
    cut = len(cell.source) > SOURCE_LIMIT
    notes = [f"only the first {SOURCE_LIMIT:,} characters of the source are shown"] if cut else []
    if len(shown) < len(mismatches):
        notes.append("where a table differs, its plain text differs, too, and is not shown")
    if len(shown) > MISMATCHES_SHOWN:
        notes.append(f"{len(shown) - MISMATCHES_SHOWN} more differences are not shown")
    return ShownCell(
        anchor=anchor,
        name=cell_name(cell).capitalize(),
        badge=_RAN_ONLY if passed and not cell.compared else _BADGES[cell.outcome],
        time=say_seconds(cell.duration_s),
        message="" if told else clean_text(cell.message),
        source=clean_text(cell.source[:SOURCE_LIMIT]),
        comparisons=tuple(compare_sides(one, shelf) for one in shown[:MISMATCHES_SHOWN]),
        outputs=show_outputs(
            (one for one in outputs if not _is_compared(one, mismatches)), shelf, thumbnails=not open_
        ),
        note="; ".join(notes),
    )


def _drop_plain_twins(mismatches: tuple[Mismatch, ...]) -> tuple[Mismatch, ...]:
    """Return the mismatches without plain texts that follow the HTML of the same output."""
    before = ("", *(one.part for one in mismatches))
    return tuple(
        one
        for one, previous in zip(mismatches, before, strict=False)
        if not (one.part == "text/plain" and previous == "text/html")
    )


def _is_compared(output: Mapping[str, Json], mismatches: tuple[Mismatch, ...]) -> bool:
    """Answer whether the output stands among the comparisons already, so that it need not be shown again."""
    compared = {mismatch.actual for mismatch in mismatches}
    data = output.get("data")
    contents = data.values() if isinstance(data, dict) else [output.get("text")]
    return any(joined(content) in compared for content in contents if content)


def _show_cluster(metrics: ClusterMetrics) -> ShownCluster:
    extent_s = find_extent(metrics)
    return ShownCluster(
        facts=(
            ("Graphs", f"{metrics.graphs:,}"),
            ("Tasks submitted", f"{metrics.tasks_submitted:,}"),
            ("Tasks done", f"{sum(metrics.tasks_done.values()):,}"),
            ("Tasks failed", f"{metrics.tasks_failed:,}"),
            ("Output", say_bytes(metrics.output_bytes)),
            ("Transferred", say_bytes(metrics.transferred_bytes)),
            ("Peak memory", say_bytes(metrics.peak_memory_bytes)),
        ),
        stream=draw_stream(metrics),
        memory=draw_memory(metrics.memory, extent_s),
        ticks=draw_ticks(extent_s),
    )
