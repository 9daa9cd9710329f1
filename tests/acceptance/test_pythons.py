"""Whichever Python runs Bindery, the environment and what is found out in it are the same."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.conftest import find_python

import bindery as package

if TYPE_CHECKING:
    from pathlib import Path

    from tests.acceptance.conftest import Bindery, OwnPython
    from tests.conftest import StackPython

NAMES = ("gmet-ensemble", "ndvi-series", "weekly-mean")


@pytest.mark.parametrize("minor", ["3.11", "3.12", "3.13"])
def test_whichever_python_runs_bindery(
    bindery: Bindery, own_python: OwnPython, stack_python: StackPython, project: Path, minor: str
) -> None:
    prefix = stack_python("3.12").parent.parent
    python = own_python(minor)
    chosen = ["--packages", "wheels", "--python", str(find_python("3.12")), "--quiet"]

    version = bindery("--version", cwd=project, python=python)
    assert (version.returncode, version.stdout) == (0, f"bindery, version {package.__version__}\n"), version.stderr
    checked = bindery("check", "pangeo", cwd=project, python=python)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    installed = bindery("install", "pangeo", *chosen, cwd=project, python=python)
    assert (installed.returncode, installed.stdout, installed.stderr) == (0, f"{prefix}\n", "")
    tried = bindery("test", "--imports", "--json", *chosen, cwd=project, python=python)
    assert tried.returncode == 0, tried.stderr
    answer = json.loads(tried.stdout)
    assert answer["python"].startswith("3.12.")
    assert answer["notebooks"] == {name: [] for name in NAMES}
