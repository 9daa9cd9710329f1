"""The inputs of the notebooks, as the environment under test makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.example_notebooks.conftest import RunCode

# What the command line prints for the inputs that the notebooks use as they stand.
GOLDEN = {
    "gmet": "95f9cff5f9c72bedc9bdd0dc90d30c86a50dcf194d90aefd9269fd6a17b21295",
    "timeseries": "2705025215607406ba8405143fbed8acb60b640bbc5bfd4de89a8a70f8a0028d",
    "ndvi": "08d5f0df7cff53aca55b6caf76babc99f17df5ce2a6056cd574f9e196dd5015f",
}


@pytest.mark.parametrize("name", GOLDEN)
def test_the_default_input_is_the_same_on_every_python(run_code: RunCode, tmp_path: Path, name: str) -> None:
    code = """
import json, runpy, sys, contextlib, io
name, folder = sys.argv[1:]
sys.argv = [name, folder]
printed = io.StringIO()
with contextlib.redirect_stdout(printed):
    runpy.run_module(f"data.{name}", run_name="__main__")
print(json.dumps(printed.getvalue().strip()))
"""
    assert run_code(code, name, tmp_path / name) == GOLDEN[name]


def test_digests_do_not_depend_on_threads(run_code: RunCode, tmp_path: Path) -> None:
    code = """
import json, sys, pathlib
from data import gmet, ndvi, stores, timeseries
here = pathlib.Path(sys.argv[1])
digests = []
for jobs in (1, 5):
    parts = here / str(jobs)
    digests.append([
        stores.chunks_digest(gmet.write(parts / "gmet", members=2, day_step=287, grid_step=16, jobs=jobs)),
        stores.chunks_digest(ndvi.write(parts / "ndvi", scenes=3, pixel_step=50, jobs=jobs)),
        timeseries.digest(timeseries.write(parts / "series", days=9, row_seconds=600, jobs=jobs)),
    ])
print(json.dumps(digests))
"""
    one, five = run_code(code, tmp_path)
    assert one == five
    assert len(set(one)) == 3


def test_a_small_input_is_a_part_of_the_full_one(run_code: RunCode, tmp_path: Path) -> None:
    code = """
import json, sys, pathlib, numpy as np, zarr
from data import gmet, ndvi, timeseries
here = pathlib.Path(sys.argv[1])
fine, coarse = (zarr.open_group(gmet.write(here / f"gmet{grid}", members=2, day_step=day, grid_step=grid), mode="r")
                for day, grid in ((287, 1), (41, 4)))
temperature = np.array_equal(fine["temp"][:, :, 2::4, 2::4], coarse["temp"][:, ::7])
place = all(np.array_equal(fine[name][2::4], coarse[name][:]) for name in ("lat", "lon"))
fine, coarse = (zarr.open_group(ndvi.write(here / f"ndvi{step}", scenes=2, pixel_step=step), mode="r")
                for step in (5, 25))
images = all(np.array_equal(fine[band][:, 2::5, 2::5], coarse[band][:]) for band in ("red", "nir"))
fine, coarse = (timeseries.table(0, 86400, step, 2000) for step in (20, 60))
print(json.dumps([temperature, place, images, fine.take(list(range(0, len(fine), 3))).equals(coarse)]))
"""
    assert run_code(code, tmp_path) == [True, True, True, True]


def test_values_are_plausible(run_code: RunCode, tmp_path: Path) -> None:
    code = """
import json, sys, pathlib, numpy as np, zarr, pyarrow.compute as pc
from data import gmet, ndvi, timeseries
here = pathlib.Path(sys.argv[1])
group = zarr.open_group(gmet.write(here / "gmet", members=1, day_step=287, grid_step=8), mode="r")
packed = group["temp"][:]
land = packed[packed != gmet.SEA] / 256
bands = zarr.open_group(ndvi.write(here / "ndvi", pixel_step=50), mode="r")
red, nir = bands["red"][:].astype(int), bands["nir"][:].astype(int)
rows = timeseries.table(0, 7 * 86400, 10, 2000)
x = rows["x"].to_numpy()
print(json.dumps({
    "temperature": [land.min(), land.max()],
    "land": (packed[0, 0] != gmet.SEA).mean(),
    "error": [int(group["temp_error"][:][packed[0, 0] != gmet.SEA].min())],
    "reflectance": [int(min(red.min(), nir.min())), int(max(red.max(), nir.max()))],
    "water": ((red > nir).mean()),
    "x": [x.min(), x.max()],
    "exact": bool((x * 2**20 == np.round(x * 2**20)).all()),
    "names": sorted(pc.unique(rows["name"]).to_pylist()) == sorted(timeseries.NAMES),
    "types": [str(field.type) for field in rows.schema],
    "rows": len(rows),
}))
"""
    found = run_code(code, tmp_path)
    assert -60 < found["temperature"][0] < -10
    assert 30 < found["temperature"][1] < 60
    assert 0.4 < found["land"] < 0.6
    assert found["error"][0] > 0
    assert found["reflectance"][0] > 0
    assert found["reflectance"][1] < 10_000
    assert 0.01 < found["water"] < 0.1
    assert -1 < found["x"][0] < -0.999
    assert 0.999 < found["x"][1] < 1
    assert found["exact"]
    assert found["names"]
    assert found["types"] == ["timestamp[ns]", "string", "int64", "double", "double"]
    assert found["rows"] == 60_480


def test_an_input_is_made_once_and_again_for_other_arguments(run_code: RunCode, tmp_path: Path) -> None:
    code = """
import json, sys, pathlib
from data import ndvi
folder = pathlib.Path(sys.argv[1]) / "deep" / "store"
def inode(**size):
    return ndvi.write(folder, pixel_step=50, **size).stat().st_ino, ndvi.write(folder, pixel_step=50, **size) == folder
first, again, other = inode(scenes=1), inode(scenes=1), inode(scenes=2)
print(json.dumps([first == again, first != other, sorted(path.name for path in folder.parent.iterdir())]))
"""
    assert run_code(code, tmp_path) == [True, True, ["store", "store.recipe.json"]]


def test_an_input_that_fails_leaves_the_old_one(run_code: RunCode, tmp_path: Path) -> None:
    code = """
import json, sys, pathlib
from data import stores, timeseries
folder = timeseries.write(pathlib.Path(sys.argv[1]) / "series", days=2, row_seconds=3600)
before = timeseries.digest(folder)
real, timeseries.table = timeseries.table, None
try:
    timeseries.write(folder, days=3, row_seconds=3600)
except TypeError:
    print(json.dumps([before == timeseries.digest(folder), sorted(path.name for path in folder.parent.iterdir())]))
"""
    assert run_code(code, tmp_path) == [True, ["series", "series.recipe.json"]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            "gmet.write('x', members=101)",
            (
                "members=101, day_step=41, grid_step=4: choose 1 to 100 members, a day_step of 1 to 287 and a grid_"
                "step of 1 to 112"
            ),
        ),
        (
            "ndvi.write('x', pixel_step=3)",
            "scenes=80, pixel_step=3: choose 1 to 80 scenes and a pixel_step that divides 50",
        ),
        (
            "timeseries.write('x', row_seconds=7)",
            (
                "days=366, row_seconds=7, days_per_file=4: choose numbers from 1, and row_seconds that divide a day of "
                "86400"
            ),
        ),
    ],
)
def test_a_wrong_size_is_refused(run_code: RunCode, call: str, message: str) -> None:
    code = """
import json, sys
from data import gmet, ndvi, timeseries
try:
    eval(sys.argv[1])
except ValueError as error:
    print(json.dumps(str(error)))
"""
    assert run_code(code, call) == message


def test_full_sizes_are_planned_without_values_and_arrays_keep_their_order(run_code: RunCode, tmp_path: Path) -> None:
    code = """
import json, sys, pathlib, collections, xarray as xr
from dask.utils import key_split
from data import gmet, ndvi
here = pathlib.Path(sys.argv[1])
ensemble = xr.open_zarr(gmet.write(here / "g", members=100, day_step=1, grid_step=1, fill=False), consolidated=True)
temperature = ensemble["temp"]
images = xr.open_zarr(ndvi.write(here / "n", pixel_step=1, fill=False), consolidated=True)
tasks = collections.Counter(key_split(key) for key in temperature.mean("time").__dask_graph__())
size = sum(path.stat().st_size for path in here.rglob("*") if path.is_file())
print(json.dumps([temperature.shape, temperature.data.chunksize, tasks["mean_chunk"],
                  images["red"].shape, images["red"].data.chunksize, images["nir"].data.npartitions, size < 2_000_000,
                  list(ensemble.variables), list(images.variables)]))
"""
    assert run_code(code, tmp_path) == [
        *([100, 12054, 224, 464], [1, 287, 224, 464], 4200),
        *([80, 8100, 9100], [1, 4050, 4550], 320, True),
        ["temp", "temp_error", "elevation", "ensemble", "time", "lat", "lon"],
        ["red", "nir", "time", "y", "x"],
    ]
