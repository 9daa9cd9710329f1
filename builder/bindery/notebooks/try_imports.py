"""Tries import statements, each by itself, in the environment under test. A script; imports nothing of Bindery.

stdin: a JSON list of statements. stdout, a line each: ``{"begin": i}``, then ``{"end": i, "error": …, "value": …,
"traceback": …}`` with null where it worked; at the end ``{"python": …, "versions": {…}}``. Whoever reads knows from a
missing end which statement took the interpreter down.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import sys
import traceback
import warnings

ASKED_FOR_FIRST = (
    *("xarray", "dask", "distributed", "numpy", "pandas", "zarr", "netCDF4", "h5netcdf", "matplotlib", "ipykernel"),
    *("scikit-learn", "rasterio", "cartopy", "bokeh", "jupyterlab"),
)


def main() -> None:
    """Try every statement of stdin."""
    statements = json.load(sys.stdin)
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what modules print when they are imported must not look like a line of ours
    sys.path.insert(0, "")  # as in a kernel
    warnings.simplefilter("ignore")

    def tell(**line: object) -> None:
        lines.write(json.dumps(line) + "\n")
        lines.flush()

    for index, statement in enumerate(statements):
        tell(begin=index)
        tell(end=index, **attempt(statement))
    tell(python=platform.python_version(), versions=find_versions())
    lines.flush()
    os._exit(0)  # nothing that was imported gets a say


def attempt(statement: str) -> dict[str, str | None]:
    """Return the exception that the statement raises, or nulls."""
    try:
        exec(compile(statement, "<notebook>", "exec"), {"__name__": "__main__"})  # noqa: S102 - it is what we are for
    except BaseException as error:  # noqa: BLE001 - a module may raise anything, SystemExit too
        trace = "".join(traceback.format_exception(error))
        return {"error": type(error).__name__, "value": str(error), "traceback": trace}
    return {"error": None, "value": None, "traceback": None}


def find_versions() -> dict[str, str]:
    """Return the versions of the packages that people ask for first, of those that are there."""
    versions = {}
    for name in ASKED_FOR_FIRST:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


if __name__ == "__main__":
    main()
