"""Satellite scenes of farmland in red and near infrared, as a Zarr store.

Modelled on Sentinel-2: a scene every 5 days from 3 May 2018, 80 of them, 8100 x 9100 pixels of 10 m, reflectances
times 10,000 as uint16. The landscape is invented: fields of wheat and maize, meadows and woods that turn green each at
its time of the year, villages, and a river, where red exceeds near infrared.

A coarser store is a part of the full one: each value that it has stands in the full one at the same place.

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
    from numpy.typing import NDArray

SCENES, ROWS, COLUMNS = 80, 8100, 9100
CHUNK_ROWS, CHUNK_COLUMNS = 4050, 4550
FIRST_DAY = 122  # 3 May, counted from 1 January 2018
DAYS_BETWEEN = 5
_FIELD = 460  # pixels from field to field
_PLACE, _KIND, _SHADE, _BEND, _NOISE, _WOODS = 1, 2, 3, 4, 5, 6
_WATER, _VILLAGE, _WOOD, _MEADOW, _WHEAT, _MAIZE = range(6)

# Reflectance times 10,000 of the bare kind and of the kind when it is greenest: red, then near infrared.
_BARE = np.array([[420, 260], [1500, 2000], [700, 1900], [900, 2300], [1500, 2100], [1650, 2250]])
_GREEN = np.array([[380, 240], [1350, 2100], [280, 3300], [350, 3900], [260, 4400], [300, 4600]])
# Days of the year on which the kind begins to grow, is greenest, and is bare again.
_SEASONS = ((0, 180, 365), (60, 180, 320), (85, 165, 320), (40, 140, 340), (20, 125, 185), (135, 205, 270))


def write(
    folder: Path | str,
    *,
    scenes: int = SCENES,
    pixel_step: int = 25,
    seed: int = 2017,
    jobs: int = 2,
    fill: bool = True,
) -> Path:
    """Return the absolute path of a store with the first ``scenes`` and every ``pixel_step``-th row and column; it is
    made unless it is there already.

    Each scene has four chunks per band, (1, 4050, 4550) at full size. One scene's quarter is made at a time by each of
    ``jobs`` threads, and no more than that is held in memory. The full store has 24 GB. Without ``fill`` only its
    description is written: enough to open it and to plan with it.
    """
    if not (1 <= scenes <= SCENES and pixel_step >= 1 and 50 % pixel_step == 0):
        raise ValueError(
            f"scenes={scenes}, pixel_step={pixel_step}: choose 1 to {SCENES} scenes and a pixel_step that divides 50"
        )
    folder = Path(folder).absolute()
    recipe: dict[str, object] = {"scenes": scenes, "pixel_step": pixel_step, "seed": seed, "fill": fill}
    if not stores.is_made(folder, recipe):
        with stores.replacing(folder, recipe) as draft:
            red, nir = _describe(draft, scenes=scenes, pixel_step=pixel_step, seed=seed)
            if fill:
                _fill(red, nir, pixel_step=pixel_step, seed=seed, jobs=jobs)
            stores.consolidate(draft, ("time", "y", "x", "red", "nir"))
    return folder


def _describe(folder: Path, *, scenes: int, pixel_step: int, seed: int) -> tuple[zarr.Array, zarr.Array]:
    group = zarr.create_group(folder, zarr_format=3, attributes=_ABOUT | {"seed": seed})
    rows, columns = _axis(0, ROWS, pixel_step), _axis(0, COLUMNS, pixel_step)
    days = np.arange(scenes, dtype="<i4") * DAYS_BETWEEN
    stores.add_values(group, "time", days.astype("<i4"), ("time",), _TIME)
    stores.add_values(group, "y", ((ROWS - 1 - rows) * 10 + 5).astype("<i4"), ("y",), _NORTH)
    stores.add_values(group, "x", (columns * 10 + 5).astype("<i4"), ("x",), _EAST)
    red, nir = (
        stores.add_array(
            group,
            name,
            dtype="<u2",
            shape=(scenes, len(rows), len(columns)),
            chunks=(1, CHUNK_ROWS // pixel_step, CHUNK_COLUMNS // pixel_step),
            dimensions=("time", "y", "x"),
            attributes={"long_name": f"{title} reflectance times 10,000", "units": "1"},
        )
        for name, title in (("red", "red"), ("nir", "near infrared"))
    )
    return red, nir


def _fill(red: zarr.Array, nir: zarr.Array, *, pixel_step: int, seed: int, jobs: int) -> None:
    for top in range(0, ROWS, CHUNK_ROWS):
        for left in range(0, COLUMNS, CHUNK_COLUMNS):
            rows, columns = _axis(top, CHUNK_ROWS, pixel_step), _axis(left, CHUNK_COLUMNS, pixel_step)
            kinds, shades = _landscape(seed, rows, columns)
            points = rows.astype(np.uint64)[:, None] * np.uint64(COLUMNS) + columns.astype(np.uint64)
            here = (slice(top // pixel_step, (top + CHUNK_ROWS) // pixel_step),
                    slice(left // pixel_step, (left + CHUNK_COLUMNS) // pixel_step))  # fmt: skip

            def fill_scene(
                scene: int,
                kinds: NDArray[np.int64] = kinds,
                shades: NDArray[np.int64] = shades,
                points: NDArray[np.uint64] = points,
                here: tuple[slice, slice] = here,
            ) -> None:
                greenness = _greenness(FIRST_DAY + scene * DAYS_BETWEEN)[kinds]
                for band, array in enumerate((red, nir)):
                    bare, green = _BARE[:, band][kinds], _GREEN[:, band][kinds]
                    level = bare + ((green - bare) * greenness >> 10)
                    grain = noise.bell(noise.key(seed, _NOISE, scene, band), points) >> 12
                    array[scene, here[0], here[1]] = (level * (1000 + shades) // 1000 + grain).astype("<u2")

            stores.for_each(fill_scene, range(red.shape[0]), jobs)


_ABOUT = {"title": "Synthetic Sentinel-2 scenes of farmland", "source": "notebooks/data/ndvi.py"}
_TIME = {"standard_name": "time", "units": "days since 2018-05-03", "calendar": "standard"}
_NORTH = {"standard_name": "projection_y_coordinate", "long_name": "northing", "units": "m"}
_EAST = {"standard_name": "projection_x_coordinate", "long_name": "easting", "units": "m"}


def _axis(first: int, count: int, step: int) -> NDArray[np.int64]:
    """Return the indices of every ``step``-th pixel, the first one in the middle of its step."""
    return np.arange(first + step // 2, first + count, step)


def _greenness(day: int) -> NDArray[np.int64]:
    """Return how green each kind is on a day counted from 1 January 2018, from 0 to 1024."""
    day_of_year = day % 365
    values = []
    for begin, greenest, end in _SEASONS:
        if begin <= day_of_year < greenest:
            along = (day_of_year - begin) * 1024 // (greenest - begin)
        elif greenest <= day_of_year < end:
            along = (end - day_of_year) * 1024 // (end - greenest)
        else:
            along = 0
        values.append(along * along * (3072 - 2 * along) >> 20)
    return np.array(values)


def _landscape(
    seed: int, rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return what grows on each pixel, and how bright its field is, in thousandths around 0. Shape (rows, columns)."""
    y, x = rows[:, None], columns[None, :]
    field = _nearest_field(seed, y, x)
    lot = noise.below(100, noise.key(seed, _KIND), field)
    kinds = np.select([lot < 4, lot < 24, lot < 62], [_VILLAGE, _MEADOW, _WHEAT], _MAIZE)
    woods = noise.hills(noise.key(seed, _WOODS), y / 1900.0, x / 1900.0)
    woods = woods + noise.hills(noise.key(seed, _WOODS, 1), y / 420.0, x / 420.0) / 3.0
    kinds = np.where(woods > 0.93, _WOOD, kinds)
    shades = noise.below(241, noise.key(seed, _SHADE), field) - 120
    away = np.abs(y - _river(seed, columns)[None, :])
    kinds = np.where((away < 260) & (kinds != _VILLAGE), _MEADOW, kinds)
    kinds = np.where(away < 105, _WATER, kinds)
    return kinds, np.where(kinds == _WATER, 0, shades)


def _nearest_field(seed: int, y: NDArray[np.int64], x: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return the number of the field whose middle is nearest to each pixel; middles lie on a shaken grid."""
    best = np.full((len(y), x.shape[1]), np.iinfo(np.int64).max)
    found = np.zeros(best.shape, dtype=np.uint64)
    for below in (-1, 0, 1):
        for beside in (-1, 0, 1):
            number = ((y // _FIELD + below + 1) * 65536 + (x // _FIELD + beside + 1)).astype(np.uint64)
            shake = noise.bits(noise.key(seed, _PLACE), number)
            dy = (y // _FIELD + below) * _FIELD + (shake & np.uint64(511)).astype(np.int64) * _FIELD // 512 - y
            dx = (x // _FIELD + beside) * _FIELD + (shake >> np.uint64(55)).astype(np.int64) * _FIELD // 512 - x
            distance = dy * dy + dx * dx
            nearer = distance < best
            best = np.where(nearer, distance, best)
            found = np.where(nearer, number, found)
    return found


def _river(seed: int, columns: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the row of the middle of the river in each column."""
    along = columns[None, :]
    bends = sum(
        noise.hills(noise.key(seed, _BEND, octave), np.zeros((1, 1)), along / (2600.0 / octave)) / octave
        for octave in (1, 2, 5)
    )
    return 2200.0 + 0.3 * columns + 2200.0 * (bends[0] - 0.85)


def main() -> None:
    """Write a store from the command line and print its digest."""
    parser = argparse.ArgumentParser(prog="python -m data.ndvi", description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="the store to write")
    parser.add_argument("--scenes", type=int, default=SCENES, help=f"how many scenes, up to {SCENES} ({SCENES})")
    parser.add_argument("--pixel-step", type=int, default=25, help=f"take every n-th of {ROWS} x {COLUMNS} pixels (25)")
    parser.add_argument("--seed", type=int, default=2017, help="another seed, another landscape (2017)")
    parser.add_argument("--jobs", type=int, default=2, help="chunks that are made at the same time (2)")
    options = parser.parse_args()
    print(stores.chunks_digest(write(**vars(options))))


if __name__ == "__main__":
    main()
