"""The task stream: what every worker thread did when, thinned to what a page can show."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bindery.notebooks.report.words import say_bytes, say_count, say_seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bindery.clusters import ClusterMetrics, TaskSpan

BARS_DRAWN = 6000
LANES_DRAWN = 64
COLOURS = 8  # s0 … s7 in style.css; the rest share one
PREFIXES_LISTED = 24
_OTHER = "s-other"
_ACTIONS = {
    "transfer": "a-transfer",
    "disk-read": "a-disk",
    "disk-write": "a-disk",
    "deserialize": "a-deserialize",
}


@dataclass(frozen=True, slots=True)
class Bar:
    """A piece of time: place and width in per cent of the extent, a style, and what it says when pointed at."""

    x: str
    width: str
    style: str
    title: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Lane:
    """One worker thread. ``tasks`` are drawn in full height, ``moves`` (transfers, disk) as a thin line below."""

    label: str
    worker: str
    tasks: tuple[Bar, ...]
    moves: tuple[Bar, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class LegendRow:
    """One prefix: how many tasks, how long they took, how many bytes they made; shares in per cent of the largest."""

    prefix: str
    style: str
    tasks: str
    time: str
    time_share: str
    size: str
    size_share: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskStream:
    """Everything that is drawn of a cluster's work for one notebook."""

    lanes: tuple[Lane, ...]
    legend: tuple[LegendRow, ...]
    extent_s: float
    description: str
    notes: tuple[str, ...]


def draw_stream(metrics: ClusterMetrics) -> TaskStream:
    """Return the stream; more spans than can be drawn are put together, and the notes say so."""
    extent_s = find_extent(metrics)
    time_by_prefix: dict[str, float] = defaultdict(float)
    by_lane: dict[tuple[str, int], list[TaskSpan]] = defaultdict(list)
    for span in metrics.spans:
        by_lane[span.worker, span.thread].append(span)
        if span.action == "compute":
            time_by_prefix[span.prefix] += span.stop_s - span.start_s
    order = _order(metrics, time_by_prefix)
    styles = {prefix: f"s{place}" if place < COLOURS else _OTHER for place, prefix in enumerate(order)}
    keys = sorted(by_lane)[:LANES_DRAWN]
    columns = max(BARS_DRAWN // max(len(keys), 1), 1)
    thinned = len(metrics.spans) > BARS_DRAWN
    labels = _label_lanes(keys)
    lanes = tuple(
        _draw_lane(labels[key], by_lane[key], styles, extent_s, columns=columns if thinned else None) for key in keys
    )
    notes = []
    if thinned:
        notes.append(
            f"{len(metrics.spans):,} spans are drawn in steps of {say_seconds(extent_s / columns)}, each in the colour "
            "that took most of it"
        )
    if len(by_lane) > LANES_DRAWN:
        notes.append(f"{len(by_lane) - LANES_DRAWN} more worker threads are not drawn")
    return TaskStream(
        lanes=lanes,
        legend=_legend(order, styles, metrics, time_by_prefix),
        extent_s=extent_s,
        description=(
            f"{say_count(len(by_lane), 'worker thread')} over {say_seconds(extent_s)}; "
            f"busiest: {', '.join(order[:3]) or 'nothing'}"
        ),
        notes=tuple(notes),
    )


def find_extent(metrics: ClusterMetrics) -> float:
    """Return when the last thing ended, in seconds; never 0."""
    spans = max((span.stop_s for span in metrics.spans), default=0.0)
    samples = max((sample.time_s for sample in metrics.memory), default=0.0)
    return max(spans, samples) or 1.0


def _order(metrics: ClusterMetrics, time_by_prefix: dict[str, float]) -> list[str]:
    prefixes = {*time_by_prefix, *metrics.tasks_done, *metrics.output_bytes_by_prefix}
    return sorted(prefixes, key=lambda prefix: (-time_by_prefix.get(prefix, 0.0), prefix))


def _label_lanes(keys: Iterable[tuple[str, int]]) -> dict[tuple[str, int], str]:
    threads: dict[str, list[int]] = defaultdict(list)
    for worker, thread in keys:
        threads[worker].append(thread)
    labels: dict[tuple[str, int], str] = {}
    for number, (worker, idents) in enumerate(threads.items(), 1):
        for place, ident in enumerate(idents, 1):
            labels[worker, ident] = f"worker {number}" if len(idents) == 1 else f"worker {number}.{place}"
    return labels


def _draw_lane(
    label: str, spans: Sequence[TaskSpan], styles: dict[str, str], extent_s: float, *, columns: int | None
) -> Lane:
    tasks = [span for span in spans if span.action == "compute"]
    moves = [span for span in spans if span.action != "compute"]
    if columns is not None:
        task_bars = _thin([(s.prefix, s.start_s, s.stop_s) for s in tasks], styles, extent_s, columns)
        move_bars = _thin([(s.action, s.start_s, s.stop_s) for s in moves], _ACTIONS, extent_s, columns // 2 or 1)
    else:
        task_bars = [_bar(s.prefix, styles[s.prefix], s.start_s, s.stop_s, extent_s) for s in tasks]
        move_bars = [
            _bar(f"{s.action} of {s.prefix}", _ACTIONS.get(s.action, _OTHER), s.start_s, s.stop_s, extent_s)
            for s in moves
        ]
    return Lane(label=label, worker=spans[0].worker, tasks=tuple(task_bars), moves=tuple(move_bars))


def _bar(what: str, style: str, start_s: float, stop_s: float, extent_s: float) -> Bar:
    title = f"{what}: {say_seconds(stop_s - start_s)}, at {say_seconds(start_s)}"
    width = max(100 * (stop_s - start_s) / extent_s, 0.03)
    return Bar(f"{100 * start_s / extent_s:.2f}%", f"{width:.2f}%", style, title)


def _thin(
    spans: Iterable[tuple[str, float, float]], styles: dict[str, str], extent_s: float, columns: int
) -> list[Bar]:
    """Give every column to what took most of it, and put neighbours of one kind together."""
    step_s = extent_s / columns
    shares, counts = _share_out(spans, step_s, columns)
    winners = [max(share, key=lambda what: (share[what], what)) if share else None for share in shares]
    bars: list[Bar] = []
    start = 0
    for end in range(1, columns + 1):
        winner = winners[start]
        if end < columns and winners[end] == winner:
            continue
        if winner is not None:
            number = sum(counts[column].get(winner, 0) for column in range(start, end))
            busy_s = sum(shares[column].get(winner, 0.0) for column in range(start, end))
            title = f"{winner}: {number or 1} begun, {say_seconds(busy_s)}, from {say_seconds(start * step_s)}"
            x, width = 100 * start / columns, 100 * (end - start) / columns
            bars.append(Bar(f"{x:.2f}%", f"{width:.2f}%", styles.get(winner, _OTHER), title))
        start = end
    return bars


def _share_out(
    spans: Iterable[tuple[str, float, float]], step_s: float, columns: int
) -> tuple[list[dict[str, float]], list[dict[str, int]]]:
    """Return, for every column, how many seconds each kind took of it and how many of each began in it."""
    shares: list[dict[str, float]] = [{} for _ in range(columns)]
    counts: list[dict[str, int]] = [{} for _ in range(columns)]
    # How many more of a kind fill this column than filled the one before: long spans cost no more than short ones.
    changes: list[dict[str, int]] = [{} for _ in range(columns)]
    for what, start_s, stop_s in spans:
        first = min(max(int(start_s / step_s), 0), columns - 1)
        last = min(max(int(stop_s / step_s), first), columns - 1)
        counts[first][what] = counts[first].get(what, 0) + 1
        for column in {first, last}:
            inside = min(stop_s, (column + 1) * step_s) - max(start_s, column * step_s)
            shares[column][what] = shares[column].get(what, 0.0) + inside
        if last > first + 1:
            changes[first + 1][what] = changes[first + 1].get(what, 0) + 1
            changes[last][what] = changes[last].get(what, 0) - 1
    filling: dict[str, int] = {}
    for column, change in enumerate(changes):
        for what, more in change.items():
            filling[what] = filling.get(what, 0) + more
        for what, number in filling.items():
            if number:
                shares[column][what] = shares[column].get(what, 0.0) + number * step_s
    return shares, counts


def _legend(
    order: Sequence[str], styles: dict[str, str], metrics: ClusterMetrics, time_by_prefix: dict[str, float]
) -> tuple[LegendRow, ...]:
    sizes = metrics.output_bytes_by_prefix
    longest = max(time_by_prefix.values(), default=0.0) or 1.0
    largest = max(sizes.values(), default=0) or 1

    def row(prefix: str, style: str, parts: Sequence[str]) -> LegendRow:
        time_s = sum(time_by_prefix.get(part, 0.0) for part in parts)
        size = sum(sizes.get(part, 0) for part in parts)
        return LegendRow(
            prefix=prefix,
            style=style,
            tasks=f"{sum(metrics.tasks_done.get(part, 0) for part in parts):,}",
            time=say_seconds(time_s),
            time_share=f"{min(100 * time_s / longest, 100):.1f}%",
            size=say_bytes(size) if sizes else "",
            size_share=f"{min(100 * size / largest, 100):.1f}%",
        )

    rows = [row(prefix, styles[prefix], (prefix,)) for prefix in order[:PREFIXES_LISTED]]
    rest = order[PREFIXES_LISTED:]
    return (*rows, row(f"{len(rest)} others", _OTHER, rest)) if rest else tuple(rows)
