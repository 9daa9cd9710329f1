"""Whose fault a failure is: the environment's, the data's, the code's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bindery.notebooks.results import FailureClass, Outcome

if TYPE_CHECKING:
    from bindery.notebooks.execute import RaisedError

_IMPORT_ERRORS = frozenset({"ImportError", "ModuleNotFoundError"})
# What opening an input raises when it is not there, or is not what its name says.
_DATA_ERRORS = frozenset(
    {
        "ArrayNotFoundError",
        "BadZipFile",
        "ContainsGroupError",
        "EOFError",
        "EmptyDataError",
        "FileExistsError",
        "FileNotFoundError",
        "GroupNotFoundError",
        "IsADirectoryError",
        "MetadataError",
        "NodeNotFoundError",
        "NoSuchKey",
        "NotADirectoryError",
        "ParserError",
        "PathNotFoundError",
        "PermissionError",
        "RasterioIOError",
        "UnidentifiedImageError",
    }
)
# Functions that open or read a store, as they stand in a traceback's frames.
_OPENING = re.compile(
    r"(?<![\w])(?:open_(?:zarr|dataset|mfdataset|dataarray|datatree|rasterio|group|array|consolidated|catalog)"
    r"|read_(?:parquet|csv|hdf|table|json|feather|orc))\b"
)
_GENERATOR = re.compile(r"\bdata/[\w-]+\.py\b")
_MISSING_LIBRARY = re.compile(
    r"cannot open shared object file|undefined symbol|version `[\w.]+' not found|Library not loaded|No module named"
)
_LOCAL_MODULE = re.compile(r"No module named '(?:data)(?:\.[\w.]+)?'")
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def classify(outcome: Outcome, message: str, error: RaisedError | None) -> FailureClass | None:
    """Return whose fault the outcome is; None for ``PASSED``."""
    match outcome:
        case Outcome.PASSED:
            return None
        case Outcome.DIFFERS:
            return FailureClass.DIFFERENCE
        case Outcome.NO_KERNEL:
            return FailureClass.ENVIRONMENT
        case Outcome.KERNEL_DIED:
            return FailureClass.ENVIRONMENT if _MISSING_LIBRARY.search(message) else FailureClass.CODE
        case Outcome.RAISED:
            return FailureClass.CODE if error is None else classify_error(error)
        case Outcome.TIMED_OUT | Outcome.UNREADABLE | Outcome.NOT_RUN:
            return FailureClass.CODE


def classify_error(error: RaisedError) -> FailureClass:
    """Return whose fault an exception in a cell is."""
    trace = _ANSI.sub("", error.traceback)
    if error.name in _IMPORT_ERRORS:
        return FailureClass.DATA if _LOCAL_MODULE.search(error.value) else FailureClass.ENVIRONMENT
    if error.name == "OSError" and _MISSING_LIBRARY.search(error.value):
        return FailureClass.ENVIRONMENT
    if error.name in _DATA_ERRORS or _is_from_generator(trace):
        return FailureClass.DATA
    if error.name in {"KeyError", "OSError", "ValueError"} and _OPENING.search(trace):
        return FailureClass.DATA
    return FailureClass.CODE


def _is_from_generator(trace: str) -> bool:
    # Installed packages have folders called data, too.
    return any(_GENERATOR.search(line) and "site-packages" not in line for line in trace.splitlines())
