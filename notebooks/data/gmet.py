"""A gridded ensemble of daily surface temperature over the contiguous United States, as a Zarr store.

It is modelled on GMET, the Gridded Meteorological Ensemble Tool (Newman et al., J. Hydrometeorology 16, 2015), whose
100 members tell how well temperature is known between weather stations: 12,054 days from 1980 to 2012 on 224 x 464
points, an eighth of a degree apart. Nothing here is measured: mountains, stations and weather are random numbers.

    temperature = climate of the place + season + error of the member on that day

The error is normal, independent between members, days and points, and its standard deviation is stored as
``temp_error``: small beside a station, larger far from one and in the mountains.

A smaller store is a part of the full one: each value that it has stands in the full one at the same time and place.
Temperatures are stored as CF-packed integers, in units of 1/256 degree, so that sums of them are exact.

Promised: equal arguments give chunks with the same bytes, whatever the platform and the versions of Python, NumPy and
zarr. Not promised: the bytes of the store's metadata, to which the zarr package adds now and then.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import zarr

from data import noise, stores

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

MEMBERS, DAYS, ROWS, COLUMNS = 100, 12054, 224, 464
TIME_CHUNKS = 42
UNITS_PER_DEGREE = 256
SEA = -32768
_SCALE_BITS = 24
_BELL_DEVIATION = np.sqrt(np.float64(noise.BELL_VARIANCE))
_WEATHER, _HILLS, _STATIONS = 1, 2, 3

# Longitude and latitude around the contiguous United States, as one would draw them by hand.
_OUTLINE = (
    (-124.7, 48.4), (-123.0, 48.2), (-122.8, 49.0), (-95.2, 49.0), (-94.6, 48.7), (-89.6, 48.0), (-84.7, 46.5),
    (-82.5, 45.3), (-82.4, 43.0), (-83.1, 42.0), (-82.0, 41.6), (-79.0, 42.7), (-79.1, 43.4), (-76.5, 43.6),
    (-75.0, 45.0), (-71.5, 45.0), (-70.3, 46.2), (-69.2, 47.4), (-68.0, 47.3), (-67.8, 45.7), (-67.0, 44.8),
    (-70.0, 43.7), (-70.8, 42.7), (-69.9, 41.7), (-71.5, 41.4), (-73.9, 40.6), (-74.1, 39.6), (-75.1, 38.4),
    (-76.0, 36.9), (-75.5, 35.3), (-77.8, 33.9), (-79.3, 33.1), (-81.2, 31.6), (-81.4, 30.3), (-80.1, 27.0),
    (-80.3, 25.3), (-81.2, 25.2), (-82.7, 27.6), (-82.8, 29.1), (-84.2, 30.0), (-85.4, 29.7), (-87.0, 30.4),
    (-89.3, 30.3), (-89.3, 29.1), (-91.5, 29.4), (-94.0, 29.7), (-96.5, 28.3), (-97.3, 27.3), (-97.2, 25.9),
    (-99.2, 26.5), (-100.6, 28.9), (-102.5, 29.8), (-103.2, 29.0), (-104.6, 29.7), (-106.5, 31.8), (-108.2, 31.5),
    (-111.1, 31.3), (-114.8, 32.5), (-117.1, 32.5), (-118.4, 33.8), (-120.6, 34.6), (-122.0, 36.7), (-122.5, 37.8),
    (-123.8, 39.3), (-124.3, 40.4), (-124.2, 42.0), (-124.5, 42.9), (-124.0, 46.3),
)  # fmt: skip


def write(  # noqa: PLR0913 - the dimensions of a size, and what concerns all of them
    folder: Path | str,
    *,
    members: int = 9,
    day_step: int = 41,
    grid_step: int = 4,
    seed: int = 2018,
    jobs: int = 2,
    fill: bool = True,
) -> Path:
    """Return the absolute path of a store with these members and with every ``day_step``-th day and
    ``grid_step``-th point; it is made unless it is there already.

    Time is cut into at most 42 chunks (exactly 42 for a ``day_step`` of 1, 7, 41 or 287), members into single ones:
    one chunk is made at a time by each of ``jobs`` threads, and no more than that is held in memory. The full store
    (100, 1, 1) has 250 GB. Without ``fill`` no temperature is written, only its description: enough to open the store
    and to plan with it.
    """
    if not (1 <= members <= MEMBERS and 1 <= day_step <= DAYS // TIME_CHUNKS and 1 <= grid_step <= ROWS // 2):
        raise ValueError(
            f"members={members}, day_step={day_step}, grid_step={grid_step}: choose 1 to {MEMBERS} members, a day_step "
            f"of 1 to {DAYS // TIME_CHUNKS} and a grid_step of 1 to {ROWS // 2}"
        )
    folder = Path(folder).absolute()
    recipe: dict[str, object] = {"members": members, "day_step": day_step, "grid_step": grid_step, "seed": seed}
    recipe["fill"] = fill
    if not stores.is_made(folder, recipe):
        with stores.replacing(folder, recipe) as draft:
            make_chunk, chunks = _describe(draft, members=members, day_step=day_step, grid_step=grid_step, seed=seed)
            if fill:
                stores.for_each(make_chunk, chunks, jobs)
            stores.consolidate(draft, ("ensemble", "time", "lat", "lon", "temp", "temp_error", "elevation"))
    return folder


def _describe(
    folder: Path, *, members: int, day_step: int, grid_step: int, seed: int
) -> tuple[Callable[[tuple[int, int]], None], list[tuple[int, int]]]:
    """Write all but the temperature; return what writes a chunk of it, and its chunks: member and first day."""
    days = np.arange(0, DAYS, day_step)
    rows, columns = _axis(ROWS, grid_step), _axis(COLUMNS, grid_step)
    latitude, longitude = 25.0625 + rows / 8.0, -124.9375 + columns / 8.0
    elevation = _elevation(seed, latitude, longitude)
    error = _error(seed, latitude, longitude, elevation)
    land = _is_land(latitude, longitude)
    points = rows.astype(np.uint64)[:, None] * np.uint64(COLUMNS) + columns.astype(np.uint64)

    group = zarr.create_group(folder, zarr_format=3, attributes=_ABOUT | {"seed": seed})
    place = ("lat", "lon")
    packed = {"units": "degC", "scale_factor": 1 / UNITS_PER_DEGREE, "_FillValue": SEA}
    stores.add_values(group, "ensemble", np.arange(1, members + 1, dtype="<i4"), ("ensemble",), _MEMBER)
    stores.add_values(group, "time", days.astype("<i4"), ("time",), _TIME)
    stores.add_values(group, "lat", latitude.astype("<f8"), ("lat",), _LATITUDE)
    stores.add_values(group, "lon", longitude.astype("<f8"), ("lon",), _LONGITUDE)
    stores.add_values(group, "elevation", elevation.astype("<i2"), place, _ELEVATION)
    stores.add_values(group, "temp_error", np.where(land, error, SEA).astype("<i2"), place, _ERROR | packed)
    chunk_days = -(-len(days) // TIME_CHUNKS)
    temperature = stores.add_array(
        group,
        "temp",
        dtype="<i2",
        shape=(members, len(days), len(rows), len(columns)),
        chunks=(1, chunk_days, len(rows), len(columns)),
        dimensions=("ensemble", "time", *place),
        attributes=_TEMPERATURE | packed,
        fill_value=SEA,
    )

    climate = _climate(latitude, elevation)
    season = _season_amplitude(latitude, longitude)
    scale = np.floor(error * (1 << _SCALE_BITS) / _BELL_DEVIATION).astype(np.int64)

    def fill_chunk(chunk: tuple[int, int]) -> None:
        member, first = chunk
        block = np.empty((min(chunk_days, len(days) - first), len(rows), len(columns)), dtype="<i2")
        for index, day in enumerate(days[first : first + chunk_days].tolist()):
            drawn = noise.bell(noise.key(seed, _WEATHER, member, day), points)
            weather = (drawn * scale + (1 << (_SCALE_BITS - 1))) >> _SCALE_BITS
            warmth = (season * _season(day)) >> 16
            block[index] = np.where(land, climate + warmth + weather, SEA)
        temperature[member, first : first + len(block)] = block

    chunks = [(member, first) for member in range(members) for first in range(0, len(days), chunk_days)]
    return fill_chunk, chunks


_ABOUT = {
    "title": "Synthetic ensemble of daily surface temperature, modelled on GMET",
    "source": "notebooks/data/gmet.py",
}
_MEMBER = {"long_name": "ensemble member"}
_TIME = {"standard_name": "time", "units": "days since 1980-01-01", "calendar": "standard"}
_LATITUDE = {"standard_name": "latitude", "long_name": "latitude", "units": "degrees_north"}
_LONGITUDE = {"standard_name": "longitude", "long_name": "longitude", "units": "degrees_east"}
_ELEVATION = {"long_name": "elevation of the ground", "units": "m"}
_ERROR = {"long_name": "standard deviation of a member's error on one day"}
_TEMPERATURE = {"long_name": "daily mean surface temperature"}


def _axis(count: int, step: int) -> NDArray[np.float64]:
    """Return the indices of every ``step``-th point, the first one in the middle of its step."""
    return np.arange(step // 2, count, step).astype(np.float64)


def _is_land(latitude: NDArray[np.float64], longitude: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Answer for each point whether a line from it to the south crosses the outline an odd number of times."""
    inside = np.zeros((len(latitude), len(longitude)), dtype=bool)
    for (west, south), (east, north) in zip(_OUTLINE, (*_OUTLINE[1:], _OUTLINE[0]), strict=True):
        between = (west > longitude) != (east > longitude)
        if west != east:
            border = south + (longitude - west) * ((north - south) / (east - west))
            inside ^= between & (latitude[:, None] > border)
    return inside


def _elevation(seed: int, latitude: NDArray[np.float64], longitude: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return metres of height, whole ones: three ranges of mountains, roughened by hills. Shape (lat, lon)."""
    y, x = latitude[:, None], longitude[None, :]
    rough = 0.5 + sum(
        noise.hills(noise.key(seed, _HILLS, octave), y * octave / 2.0, x * octave / 2.0) / octave
        for octave in (1, 2, 4)
    )
    rockies = 1900.0 * _ridge(x + 109.0 + (y - 39.0) * 0.25, 6.5)
    sierra = 1200.0 * _ridge(x + 120.6 - (38.0 - y) * 0.25, 1.6)
    appalachians = 550.0 * _ridge((x + 79.5) - (y - 38.0) * 1.15, 3.0)
    plains = 120.0
    return np.floor((rockies + sierra + appalachians + plains) * rough * 0.75)


def _ridge(distance: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    ratio = distance / width
    bump = 1.0 / (1.0 + ratio * ratio)
    return bump * bump


def _error(
    seed: int, latitude: NDArray[np.float64], longitude: NDArray[np.float64], elevation: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the standard deviation of a member's error in 1/256 degree, whole numbers. Shape (lat, lon)."""
    nearest = np.full((len(latitude), len(longitude)), np.inf)
    for row in range(8):
        for column in range(16):
            place = noise.key(seed, _STATIONS, row, column)
            north, east = place & 0xFFFF, (place >> 16) & 0xFFFF
            dy = latitude[:, None] - (24.5 + 3.8 * (row + north / 65536.0))
            dx = (longitude[None, :] - (-126.0 + 3.8 * (column + east / 65536.0))) * 0.8
            nearest = np.minimum(nearest, dy * dy + dx * dx)
    far = np.minimum(np.sqrt(nearest) / 2.8, 1.0)
    degrees = 0.25 + 1.75 * far + elevation / 1200.0
    return np.floor(degrees * UNITS_PER_DEGREE)


def _climate(latitude: NDArray[np.float64], elevation: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the mean temperature in 1/256 degree: colder to the north, and by 6.5 degrees per 1000 m of height."""
    degrees = 27.0 - 0.85 * (latitude[:, None] - 25.0) - 0.0065 * elevation
    return np.floor(degrees * UNITS_PER_DEGREE).astype(np.int64)


def _season_amplitude(latitude: NDArray[np.float64], longitude: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return half the difference between summer and winter in 1/256 degree: greatest in the north, inland."""
    inland = _ridge(longitude[None, :] + 97.0, 40.0)
    degrees = (3.0 + 0.45 * (latitude[:, None] - 25.0)) * (0.4 + inland)
    return np.floor(degrees * UNITS_PER_DEGREE).astype(np.int64)


def _season(day: int) -> int:
    """Return the season from -65536 in mid January to 65536 in mid July; two parabolas serve as a sine."""
    phase = ((day * 4 - 425) % 1461) * 65536 // 1461  # a year has 1461 quarters of a day; spring begins at 0
    half, along = divmod(phase, 32768)
    height = along * (32768 - along) >> 12
    return -height if half else height


def main() -> None:
    """Write a store from the command line and print its digest."""
    parser = argparse.ArgumentParser(prog="python -m data.gmet", description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="the store to write")
    parser.add_argument("--members", type=int, default=9, help=f"members of the ensemble, up to {MEMBERS} (9)")
    parser.add_argument("--day-step", type=int, default=41, help=f"take every n-th of {DAYS} days (41)")
    parser.add_argument("--grid-step", type=int, default=4, help=f"take every n-th of {ROWS} x {COLUMNS} points (4)")
    parser.add_argument("--seed", type=int, default=2018, help="another seed, another ensemble (2018)")
    parser.add_argument("--jobs", type=int, default=2, help="chunks that are made at the same time (2)")
    options = parser.parse_args()
    print(stores.chunks_digest(write(**vars(options))))


if __name__ == "__main__":
    main()
