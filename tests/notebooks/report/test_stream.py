from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bindery.clusters import MemorySample, TaskSpan
from bindery.notebooks.report.charts import draw_durations, draw_memory, draw_ticks
from bindery.notebooks.report.stream import BARS_DRAWN, COLOURS, draw_stream, find_extent
from bindery.notebooks.results import Outcome

if TYPE_CHECKING:
    from tests.notebooks.report.conftest import Sample


def test_a_row_per_worker_thread_and_a_bar_per_span(sample: Sample) -> None:
    metrics = sample.metrics(spans=40, workers=2)
    stream = draw_stream(metrics)
    assert [lane.label for lane in stream.lanes] == ["worker 1", "worker 2"]
    assert sum(len(lane.tasks) + len(lane.moves) for lane in stream.lanes) == 40
    assert stream.lanes[0].tasks[0].title == "step-0: 0.01 s, at 0.00 s"
    assert {bar.style for lane in stream.lanes for bar in lane.moves} == {"a-transfer"}
    assert not stream.notes


def test_threads_of_a_worker_are_numbered(sample: Sample) -> None:
    spans = tuple(
        TaskSpan(worker="a", thread=thread, prefix="p", action="compute", start_s=0, stop_s=1) for thread in (9, 4)
    )
    stream = draw_stream(replace(sample.metrics(), spans=spans))
    assert [lane.label for lane in stream.lanes] == ["worker 1.1", "worker 1.2"]


def test_many_spans_are_thinned_and_say_so(sample: Sample) -> None:
    stream = draw_stream(sample.metrics(spans=100_000, workers=4))
    assert sum(len(lane.tasks) for lane in stream.lanes) <= BARS_DRAWN
    assert stream.notes[0].startswith("100,000 spans are drawn in steps of 0.17 s")


def test_a_thinned_lane_shows_what_took_most_time(sample: Sample) -> None:
    short = [
        TaskSpan(worker="w", thread=1, prefix="short", action="compute", start_s=n / 100, stop_s=n / 100 + 0.001)
        for n in range(BARS_DRAWN + 1)
    ]
    long = TaskSpan(worker="w", thread=1, prefix="long", action="compute", start_s=10.0, stop_s=30.0)
    lane = draw_stream(replace(sample.metrics(), spans=(*short, long), memory=())).lanes[0]
    assert [(bar.x, bar.width) for bar in lane.tasks if bar.title.startswith("long: 1 begun, 20.0 s")] == [
        (f"{100 * 10 / 60.001:.2f}%", f"{100 * 20 / 60.001:.2f}%")
    ]


def test_many_workers_are_cut_and_say_so(sample: Sample) -> None:
    stream = draw_stream(sample.metrics(spans=300, workers=100))
    assert len(stream.lanes) == 64
    assert stream.notes == ("36 more worker threads are not drawn",)


def test_the_legend_counts_and_puts_the_rest_together(sample: Sample) -> None:
    stream = draw_stream(sample.metrics(spans=600, prefixes=30))
    assert [row.style for row in stream.legend[: COLOURS + 1]] == [*(f"s{n}" for n in range(COLOURS)), "s-other"]
    assert stream.legend[-1].prefix == "6 others"
    assert stream.legend[-1].tasks == "120"
    assert stream.legend[0].size == "1.0 MiB"


def test_without_bytes_by_prefix_there_are_none(sample: Sample) -> None:
    assert {row.size for row in draw_stream(replace(sample.metrics(), output_bytes_by_prefix={})).legend} == {""}


def test_a_cluster_that_did_nothing_is_drawn_empty(sample: Sample) -> None:
    nothing = replace(sample.metrics(), spans=(), memory=(), tasks_done={}, output_bytes_by_prefix={})
    stream = draw_stream(nothing)
    assert (stream.lanes, stream.legend, find_extent(nothing)) == ((), (), 1.0)


def test_memory_keeps_its_peak_when_thinned() -> None:
    samples = [MemorySample(time_s=n, used_bytes=100, spilled_bytes=0) for n in range(10_000)]
    samples[4321] = MemorySample(time_s=4321, used_bytes=1 << 30, spilled_bytes=1 << 20)
    picture = draw_memory(samples, 10_000)
    assert picture is not None
    assert picture.used.count("L") <= 302
    assert "432.1,4.0" in picture.used
    assert picture.spilled
    assert picture.description == "memory of all workers over 2 h 46 min, at most 1.0 GiB, 1.0 MiB spilled to disk"


def test_one_sample_is_no_picture() -> None:
    assert draw_memory([MemorySample(time_s=0, used_bytes=1, spilled_bytes=0)], 1.0) is None


@pytest.mark.parametrize("extent_s", [1e-6, 0.02, 0.7, 1.0, 12.3, 59.9, 3600.0, 1e6])
def test_ticks_are_few_round_and_inside(extent_s: float) -> None:
    ticks = draw_ticks(extent_s)
    assert 1 <= len(ticks) <= 7
    assert ticks[0].label == "0 s"
    assert all(0 <= float(tick.x.rstrip("%")) <= 100 for tick in ticks)


def test_a_bar_per_cell_leads_to_it(sample: Sample) -> None:
    cells = [sample.cell(1, duration_s=2.0), sample.cell(4, duration_s=None, outcome=Outcome.NOT_RUN)]
    bars = draw_durations(cells, ["a-cell-2", "a-cell-5"])
    assert [(bar.height, bar.anchor, bar.title) for bar in bars] == [
        (64, "a-cell-2", "cell 2: 2.0 s, passed"),
        (2, "a-cell-5", "cell 5: not run, not run"),
    ]
