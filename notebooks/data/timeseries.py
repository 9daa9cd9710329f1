"""A long table of random measurements, as a folder of Parquet files.

Modelled on the time series of dask-examples: an index ``timestamp`` that starts on Monday 2000-01-31, and the columns
``name: str`` (one of 26), ``id: int`` (about 1000), ``x: float`` and ``y: float``, uniform between -1 and 1.

A coarser table is a part of the finer one: the row of a second is the same whatever ``row_seconds`` is. ``x`` and ``y``
are multiples of 2**-20, so that sums of up to 2**32 of them are exact, in whatever order they are added.

Promised: equal arguments give files with the same rows. Not promised: the bytes of the files, which carry pyarrow's
version.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data import noise, stores

START = np.datetime64("2000-01-31T00:00:00", "s")
NAMES = (
    "Alice", "Bob", "Charlie", "Dan", "Edith", "Frank", "George", "Hannah", "Ingrid", "Jerry", "Kevin", "Laura",
    "Michael", "Norbert", "Oliver", "Patricia", "Quinn", "Ray", "Sarah", "Tim", "Ursula", "Victor", "Wendy", "Xavier",
    "Yvonne", "Zelda",
)  # fmt: skip
FINENESS = 20
_DAY_SECONDS = 86400
_NAME, _ID, _X, _Y = 1, 2, 3, 4


def write(
    folder: Path | str,
    *,
    days: int = 366,
    row_seconds: int = 10,
    days_per_file: int = 4,
    seed: int = 2000,
    jobs: int = 2,
) -> Path:
    """Return the absolute path of a folder with a row every ``row_seconds`` for so many days; it is made unless it is
    there already.

    One file is made at a time by each of ``jobs`` threads, and no more than that is held in memory.
    """
    if days < 1 or days_per_file < 1 or row_seconds < 1 or _DAY_SECONDS % row_seconds:
        raise ValueError(
            f"days={days}, row_seconds={row_seconds}, days_per_file={days_per_file}: choose numbers from 1, and "
            f"row_seconds that divide a day of {_DAY_SECONDS}"
        )
    folder = Path(folder).absolute()
    recipe: dict[str, object] = {
        "days": days, "row_seconds": row_seconds, "days_per_file": days_per_file, "seed": seed
    }  # fmt: skip
    if not stores.is_made(folder, recipe):
        with stores.replacing(folder, recipe) as draft:

            def write_file(first_day: int) -> None:
                last_day = min(first_day + days_per_file, days)
                rows = table(first_day * _DAY_SECONDS, last_day * _DAY_SECONDS, row_seconds, seed)
                pq.write_table(rows, draft / f"day-{first_day:06d}.parquet", compression="NONE")

            stores.for_each(write_file, range(0, days, days_per_file), jobs)
    return folder


def table(first_second: int, last_second: int, row_seconds: int, seed: int) -> pa.Table:
    """Return the rows from one second after `START` to another, which is left out."""
    count = (last_second - first_second) // row_seconds
    seconds = noise.positions(count, row_seconds, first_second)
    schema = pa.schema(
        [
            ("timestamp", pa.timestamp("ns")),
            ("name", pa.string()),
            ("id", pa.int64()),
            ("x", pa.float64()),
            ("y", pa.float64()),
        ],
        metadata={"pandas": json.dumps(_PANDAS)},
    )
    moments = (START + seconds.astype("timedelta64[s]")).astype("datetime64[ns]")
    names = noise.below(len(NAMES), noise.key(seed, _NAME), seconds).astype(np.int32)
    columns = [
        pa.array(moments),
        pa.DictionaryArray.from_arrays(pa.array(names), pa.array(NAMES)).cast(pa.string()),
        pa.array(1000 + (noise.bell(noise.key(seed, _ID), seconds) >> 10)),
        pa.array(_uniform(noise.key(seed, _X), seconds)),
        pa.array(_uniform(noise.key(seed, _Y), seconds)),
    ]
    return pa.Table.from_arrays(columns, schema=schema)


# What pandas writes beside the columns to find its index again.
_PANDAS = {
    "index_columns": ["timestamp"],
    "column_indexes": [],
    "columns": [
        {"name": name, "field_name": name, "pandas_type": kind, "numpy_type": numpy_kind, "metadata": None}
        for name, kind, numpy_kind in (
            ("timestamp", "datetime", "datetime64[ns]"),
            ("name", "unicode", "object"),
            ("id", "int64", "int64"),
            ("x", "float64", "float64"),
            ("y", "float64", "float64"),
        )
    ],
    "creator": {"library": "notebooks/data/timeseries.py", "version": "1"},
    "pandas_version": "2.0.0",
}


def _uniform(stream: int, seconds: np.ndarray) -> np.ndarray:
    """Return odd multiples of 2**-20 between -1 and 1: their mean is exactly 0, and no value is favoured."""
    return (noise.below(1 << FINENESS, stream, seconds) * 2 + 1 - (1 << FINENESS)) / float(1 << FINENESS)


def digest(folder: Path | str) -> str:
    """Return the SHA-256 of all rows in their order: each column of each file as little-endian bytes, names
    as their places in `NAMES`."""
    total = hashlib.sha256()
    for path in sorted(Path(folder).glob("*.parquet")):
        rows = pq.read_table(path)
        total.update(pc.index_in(rows["name"], pa.array(NAMES)).to_numpy().astype("<i4").tobytes())
        for name, kind in (("timestamp", "<i8"), ("id", "<i8"), ("x", "<f8"), ("y", "<f8")):
            total.update(rows[name].to_numpy().astype(kind).tobytes())
    return total.hexdigest()


def main() -> None:
    """Write a table from the command line and print its digest."""
    parser = argparse.ArgumentParser(prog="python -m data.timeseries", description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="the folder to write")
    parser.add_argument("--days", type=int, default=366, help="how long the series is (366)")
    parser.add_argument("--row-seconds", type=int, default=10, help="seconds from row to row (10)")
    parser.add_argument("--days-per-file", type=int, default=4, help="days in one file (4)")
    parser.add_argument("--seed", type=int, default=2000, help="another seed, other numbers (2000)")
    parser.add_argument("--jobs", type=int, default=2, help="files that are made at the same time (2)")
    options = parser.parse_args()
    print(digest(write(**vars(options))))


if __name__ == "__main__":
    main()
