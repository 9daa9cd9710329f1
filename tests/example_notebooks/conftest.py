"""Runs code where notebooks run: in an environment with the whole stack, in the notebooks' folder."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from bindery.core import Json

NOTEBOOKS = Path(__file__).parent.parent.parent / "notebooks"


class StackPython(Protocol):
    """The shared fixture: called with a version of Python, returns an interpreter with the whole stack."""

    def __call__(self, minor: str) -> Path: ...


class RunCode(Protocol):
    """Called with code and its arguments; returns what the code prints, which is JSON."""

    def __call__(self, code: str, *arguments: object) -> Json: ...


@pytest.fixture(scope="session", params=["3.11", "3.12"])
def python(request: pytest.FixtureRequest, stack_python: StackPython) -> Path:
    """Return each Python that has to give the same data."""
    try:
        return stack_python(request.param)
    except LookupError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def run_code(python: Path) -> RunCode:
    """Return a function that runs code in the stack, every warning an error."""

    def run(code: str, *arguments: object) -> Json:
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "DASK"))}
        done = subprocess.run(
            [str(python), "-B", "-W", "error::UserWarning", "-c", code, *map(str, arguments)],
            cwd=NOTEBOOKS,
            env=environ | {"MPLBACKEND": "agg"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        result: Json = json.loads(done.stdout)
        return result

    return run
