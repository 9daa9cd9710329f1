from __future__ import annotations

import pytest

from bindery.notebooks.classify import classify, classify_error
from bindery.notebooks.execute import RaisedError
from bindery.notebooks.results import FailureClass, Outcome

ENVIRONMENT, DATA, CODE = FailureClass.ENVIRONMENT, FailureClass.DATA, FailureClass.CODE


@pytest.mark.parametrize(
    ("name", "value", "traceback", "expected"),
    [
        ("ModuleNotFoundError", "No module named 'xarray'", "", ENVIRONMENT),
        ("ImportError", "cannot import name 'x' from 'numpy'", "", ENVIRONMENT),
        ("ModuleNotFoundError", "No module named 'data.gmet'", "", DATA),
        ("ModuleNotFoundError", "No module named 'data'", "", DATA),
        ("ModuleNotFoundError", "No module named 'database'", "", ENVIRONMENT),
        ("ModuleNotFoundError", "No module named 'zarr'", "File /tmp/w/data/gmet.py:3", ENVIRONMENT),
        ("OSError", "libgdal.so.32: cannot open shared object file", "", ENVIRONMENT),
        ("FileNotFoundError", "no such file: 'gmet.zarr'", "", DATA),
        ("PermissionError", "denied", "", DATA),
        ("GroupNotFoundError", "no group found in store", "", DATA),
        ("ValueError", "seed", "File \x1b[32m/tmp/w/data/ndvi.py:12\x1b[39m, in make(seed)", DATA),
        ("ValueError", "seed", "File ~/work/data/ndvi.py:12, in make(seed)", DATA),
        ("ValueError", "bad", "File /p/lib/python3.12/site-packages/sklearn/data/x.py:1, in f()", CODE),
        ("KeyError", "'temp'", "----> 1 ds = xr.open_zarr(store)['temp']", DATA),
        ("KeyError", "'x'", "----> 1 df = pd.\x1b[32mread_parquet\x1b[39m(path)", DATA),
        ("KeyError", "'temp'", "----> 1 means['temp']", CODE),
        ("ZeroDivisionError", "division by zero", "----> 1 1 / 0", CODE),
        ("AssertionError", "", "", CODE),
        ("SystemExit", "0", "", CODE),
    ],
)
def test_an_exception_tells_whose_fault_it_is(name: str, value: str, traceback: str, expected: FailureClass) -> None:
    assert classify_error(RaisedError(name=name, value=value, traceback=traceback)) is expected


@pytest.mark.parametrize(
    ("outcome", "message", "expected"),
    [
        (Outcome.PASSED, "", None),
        (Outcome.DIFFERS, "cell 1: 1 is not 2", FailureClass.DIFFERENCE),
        (Outcome.NO_KERNEL, "No module named ipykernel_launcher", ENVIRONMENT),
        (Outcome.KERNEL_DIED, "signal 9 (SIGKILL) ended it", CODE),
        (Outcome.KERNEL_DIED, "it ended with status 127\n  | libz.so.1: cannot open shared object file", ENVIRONMENT),
        (Outcome.TIMED_OUT, "took longer than 10 s", CODE),
        (Outcome.UNREADABLE, "is not JSON", CODE),
        (Outcome.NOT_RUN, "", CODE),
        (Outcome.RAISED, "an error without an output", CODE),
    ],
)
def test_an_outcome_without_an_exception_tells_it_too(
    outcome: Outcome, message: str, expected: FailureClass | None
) -> None:
    assert classify(outcome, message, None) is expected


def test_a_notebook_that_raised_is_judged_by_its_exception() -> None:
    error = RaisedError(name="FileNotFoundError", value="gmet.zarr", traceback="")
    assert classify(Outcome.RAISED, "FileNotFoundError: gmet.zarr", error) is DATA
