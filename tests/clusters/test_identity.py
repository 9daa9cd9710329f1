from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from bindery.clusters.guard import SCRIPT, read_client, refuse_differences
from bindery.clusters.identity import Identity, admit, find_differences, read_identity
from bindery.core import CheckFailed, ToolFailed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CLIENT: Identity = {
    "lock": "sha256:aa",
    "python": "3.12.1",
    "packages": "sha256:11",
    "installed": {"dask": "2025.7.0 py_0", "numpy": "2.2.6 py312_0", "xarray": "2025.7.1 py_0", "zarr": "3.1.1 py_0"},
}


def test_what_is_the_same_does_not_differ() -> None:
    assert find_differences(CLIENT, CLIENT) == []


def test_a_lock_that_nothing_says_is_no_difference() -> None:
    assert find_differences(CLIENT, {**CLIENT, "lock": ""}) == []
    assert find_differences({**CLIENT, "lock": ""}, CLIENT) == []


def test_locks_packages_and_interpreters_are_named() -> None:
    other: Identity = {
        "lock": "sha256:bb",
        "python": "3.12.2",
        "packages": "sha256:22",
        "installed": {"dask": "2025.7.1 py_0", "numpy": "2.2.5 py312_0", "xarray": "2025.7.2 py_0", "zict": "3 py_0"},
    }
    assert find_differences(CLIENT, other) == [
        "lock sha256:bb, the client has sha256:aa",
        "Python 3.12.2, the client has 3.12.1",
        "dask 2025.7.1 py_0, the client has 2025.7.0 py_0",
        "numpy 2.2.5 py312_0, the client has 2.2.6 py312_0",
        "xarray 2025.7.2 py_0, the client has 2025.7.1 py_0",
        "2 more packages differ",
    ]


def test_archives_that_differ_under_one_name_are_found() -> None:
    other: Identity = {**CLIENT, "packages": "sha256:22"}
    assert find_differences(CLIENT, other) == ["packages sha256:22, the client has sha256:11"]


def test_a_difference_is_an_error_that_says_whose_it_is() -> None:
    refuse_differences(CLIENT, CLIENT, "the scheduler")
    with pytest.raises(CheckFailed) as caught:
        refuse_differences(CLIENT, {**CLIENT, "lock": "sha256:bb"}, "the scheduler")
    assert str(caught.value) == (
        "the scheduler: is not what the client is:\n"
        "  lock sha256:bb, the client has sha256:aa\n"
        "  fix: start kernel, scheduler and workers from one lock"
    )


def test_a_prefix_is_identified_by_its_packages(stack_python: Callable[[str], Path], tmp_path: Path) -> None:
    python = stack_python("3.11")
    found = read_client(python, {"PATH": os.environ["PATH"]}, tmp_path, "sha256:aa")
    meta = sorted((python.parent.parent / "conda-meta").glob("*.json"))
    assert found["lock"] == "sha256:aa"
    assert found["python"].startswith("3.11.")
    assert len(found["installed"]) == len(meta)
    records = [json.loads(path.read_bytes()) for path in meta]
    assert {name: words.split()[0] for name, words in found["installed"].items()} == {
        record["name"]: record["version"] for record in records
    }
    assert read_client(python, {"PATH": os.environ["PATH"], "BINDERY_LOCK": "sha256:bb"}, tmp_path, "")["lock"] == ""


def test_what_an_image_was_made_from_counts_only_inside_it(tmp_path: Path) -> None:
    words = [sys.executable, str(SCRIPT)]
    environ = {"PATH": os.environ["PATH"], "BINDERY_LOCK": "sha256:bb", "CONDA_PREFIX": sys.prefix}
    inside = subprocess.run(words, env=environ, cwd=tmp_path, capture_output=True, check=True).stdout
    assert json.loads(inside)["lock"] == "sha256:bb"


def test_a_virtual_environment_is_identified_by_its_distributions() -> None:
    found = read_identity()
    assert "click" in found["installed"]
    assert found["packages"].startswith("sha256:")


def test_a_python_that_does_not_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ToolFailed) as caught:
        read_client(tmp_path / "none", {}, tmp_path, "")
    assert str(caught.value) == (f"{tmp_path}/none -P -s {SCRIPT}: cannot be started: No such file or directory")


def test_a_worker_that_is_the_same_is_let_in_with_its_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    admit(read_identity(), str(tmp_path), ["/beside"])
    assert sys.path[0] == "/beside"
    assert list(tmp_path.iterdir()) == []


def test_a_worker_that_differs_is_not_let_in_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "42")
    found = read_identity()
    client: Identity = {**found, "python": "3.0.0"}
    with pytest.raises(RuntimeError) as caught:
        admit(client, str(tmp_path), [])
    difference = f"Python {found['python']}, the client has 3.0.0"
    assert str(caught.value) == f"this worker is not what the client is: {difference}"
    (said,) = tmp_path.iterdir()
    assert said.name.startswith("42 on ")
    assert said.read_text() == difference
