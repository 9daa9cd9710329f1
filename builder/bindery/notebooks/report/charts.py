"""The small pictures: how long each cell took, and the cluster's memory over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bindery.notebooks.report.verdict import cell_name
from bindery.notebooks.report.words import say_bytes, say_seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bindery.clusters import MemorySample
    from bindery.notebooks.results import CellResult

HEIGHT = 64
SAMPLES_DRAWN = 300
SLOTS = 20  # bars of a short notebook are no wider than those of one with this many cells
_NUMBERED = 40


@dataclass(frozen=True, kw_only=True, slots=True)
class DurationBar:
    """One cell: place and width in per cent, height in pixels, and where a click leads."""

    x: str
    width: str
    middle: str
    y: int
    height: int
    style: str
    title: str
    anchor: str
    number: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MemoryPicture:
    """Memory over time, as paths in a box 1000 wide and 100 high."""

    used: str
    spilled: str
    peak: str
    description: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Tick:
    """A mark on the time axis: its place in per cent, its words, and how they are aligned."""

    x: str
    label: str
    align: str


def draw_durations(cells: Sequence[CellResult], anchors: Sequence[str]) -> tuple[DurationBar, ...]:
    """Return a bar per cell, in the order of the notebook."""
    longest = max((cell.duration_s or 0.0 for cell in cells), default=0.0) or 1.0
    slot = 100 / max(len(cells), SLOTS)
    bars = []
    for place, (cell, anchor) in enumerate(zip(cells, anchors, strict=True)):
        height = max(round(HEIGHT * (cell.duration_s or 0.0) / longest), 2)
        time = "not run" if cell.duration_s is None else say_seconds(cell.duration_s)
        bars.append(
            DurationBar(
                x=f"{place * slot + slot * 0.12:.2f}%",
                width=f"{slot * 0.76:.2f}%",
                middle=f"{(place + 0.5) * slot:.2f}%",
                y=HEIGHT - height,
                height=height,
                style=f"o-{cell.outcome.name.lower().replace('_', '-')}",
                title=f"{cell_name(cell)}: {time}, {cell.outcome}",
                anchor=anchor,
                number=str(cell.index + 1) if len(cells) <= _NUMBERED else "",
            )
        )
    return tuple(bars)


def draw_memory(samples: Sequence[MemorySample], extent_s: float) -> MemoryPicture | None:
    """Return the picture, or None if there is nothing to draw; peaks survive the thinning."""
    if len(samples) < 2:
        return None
    peak = max(sample.used_bytes for sample in samples) or 1
    step = -(-len(samples) // SAMPLES_DRAWN)
    groups = [samples[start : start + step] for start in range(0, len(samples), step)]
    times = [max(group, key=lambda sample: sample.used_bytes).time_s for group in groups]
    used = [max(sample.used_bytes for sample in group) for group in groups]
    spilled = [max(sample.spilled_bytes for sample in group) for group in groups]
    spilled_most = max(spilled)
    return MemoryPicture(
        used=_area(times, used, extent_s, peak),
        spilled=_area(times, spilled, extent_s, peak) if spilled_most else "",
        peak=say_bytes(peak),
        description=f"memory of all workers over {say_seconds(extent_s)}, at most {say_bytes(peak)}, "
        + (f"{say_bytes(spilled_most)} spilled to disk" if spilled_most else "nothing spilled to disk"),
    )


def draw_ticks(extent_s: float) -> tuple[Tick, ...]:
    """Return round times, four to eight of them, the first at 0."""
    step = 10.0**-3
    for factor in (2, 2.5, 2) * 9:
        if extent_s / step <= 6:
            break
        step *= factor
    count = int(extent_s / step)
    ticks = []
    for number in range(count + 1):
        at = 100 * number * step / extent_s
        align = "start" if number == 0 else "end" if at > 97 else "middle"
        ticks.append(Tick(x=f"{at:.2f}%", label=f"{number * step:g} s", align=align))
    return tuple(ticks)


def _area(times: Sequence[float], sizes: Sequence[int], extent_s: float, peak: int) -> str:
    points = [
        f"{1000 * time / extent_s:.1f},{100 - 96 * size / peak:.1f}" for time, size in zip(times, sizes, strict=True)
    ]
    first, last = 1000 * times[0] / extent_s, 1000 * times[-1] / extent_s
    return f"M{first:.1f},100 L{' L'.join(points)} L{last:.1f},100 Z"
