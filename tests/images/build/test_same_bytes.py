"""The same image from whoever makes it, wherever, whenever: one test for each thing that must not matter."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.images.build.runs import INTERPRETER, python_path, same_parts, seeded

if TYPE_CHECKING:
    from pathlib import Path

    from tests.acceptance.conftest import OwnPython
    from tests.images.build.conftest import First
    from tests.images.build.runs import Run


def test_two_folders(first: First, tmp_path: Path) -> None:
    run = seeded(first[0], tmp_path / "a much longer name, with spaces", repository="another-name")
    assert same_parts(run.build()) == first[1]


def test_two_time_zones(first: First, again: Run) -> None:
    assert same_parts(replace(again, environ={"TZ": "Pacific/Kiritimati"}).build()) == first[1]


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_two_umasks(umask: int, first: First, again: Run) -> None:
    assert same_parts(replace(again, umask=umask).build()) == first[1]


def test_two_locales(first: First, again: Run) -> None:
    other = {
        "LC_ALL": "C",
        "LANG": "de_DE.ISO-8859-1",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONHASHSEED": "7",
    }
    assert same_parts(replace(again, environ=other).build()) == first[1]


def test_a_warm_store(first: First) -> None:
    assert same_parts(first[0].build()) == first[1]


def test_a_store_without_its_images(first: First, again: Run) -> None:
    again.build()
    shutil.rmtree(again.store / "images")
    assert same_parts(again.build()) == first[1]


def test_one_core(first: First, again: Run) -> None:
    core = str(min(os.sched_getaffinity(0)))
    assert same_parts(replace(again, before=("taskset", "-c", core)).build()) == first[1]


def test_another_python(first: First, again: Run, own_python: OwnPython) -> None:
    other = own_python("3.12" if sys.version_info[:2] != (3, 12) else "3.11")
    assert same_parts(replace(again, python=str(other)).build()) == first[1]


def test_another_day(first: First, again: Run) -> None:
    assert same_parts(replace(again, before=("faketime", "-f", "+1d")).build()) == first[1]


def test_files_of_another_time(first: First, again: Run) -> None:
    for path in (again.folder / again.repository).rglob("*"):
        os.utime(path, (86400, 86400), follow_symlinks=False)
    assert same_parts(again.build()) == first[1]


def test_another_user(first: First, public_folder: Path) -> None:
    if os.geteuid() == 0:
        run = seeded(first[0], public_folder / "theirs")
        for path in (run.folder, *run.folder.rglob("*")):
            os.chown(path, 12345, 12345, follow_symlinks=False)
        other = replace(run, uid=12345, python=INTERPRETER, environ={"PYTHONPATH": python_path()})
    else:
        other = replace(seeded(first[0], public_folder / "theirs"), before=("unshare", "--map-users=12345,0,1"))
    assert same_parts(other.build()) == first[1]


def test_root_and_not_root(first: First, public_folder: Path) -> None:
    run = seeded(first[0], public_folder / "theirs")
    if os.geteuid() != 0:
        assert same_parts(replace(run, before=("unshare", "--map-root-user")).build()) == first[1]
        return
    for path in (run.folder, *run.folder.rglob("*")):
        os.chown(path, 54321, 54321, follow_symlinks=False)
    other = replace(run, uid=54321, python=INTERPRETER, environ={"PYTHONPATH": python_path()}, umask=0o077)
    assert same_parts(other.build()) == first[1]
