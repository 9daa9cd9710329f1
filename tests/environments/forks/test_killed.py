"""Killed with signal 9 between the writing of one file and of the next: nothing is lost, and what to do is said."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from bindery.cli.main import run
from bindery.environments import read_lock

if TYPE_CHECKING:
    from pathlib import Path

OLD, NEW = "2025.07.17", "2025.08.14"
# The name is what the module writes with; the process is killed before it does so, or after.
SCRIPT = """
import importlib, os, signal, sys
module, name, moment, *words = sys.argv[1:]
module = importlib.import_module(module)
write = getattr(module, name)
def write_and_die(*arguments):
    if moment == "after":
        write(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(module, name, write_and_die)
from bindery.cli.main import run
run(words)
"""


def killed(place: tuple[str, str, str], *words: str) -> None:
    """Run the command, which is killed there."""
    done = subprocess.run([sys.executable, "-c", SCRIPT, *place, *words], check=False, timeout=100)
    assert done.returncode == -signal.SIGKILL


def findings(capsys: pytest.CaptureFixture[str], name: str) -> str:
    """Return what a check prints; it is empty where everything is as it should be."""
    capsys.readouterr()
    return "" if run(["check", name]) == 0 else capsys.readouterr().out


BEFORE_THE_LOCK = ("bindery.environments.relock", "write_lock", "before")


def test_a_line_that_was_added_is_in_the_spec_and_one_call_makes_the_lock(
    root: Path, mirror: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    sea = root / "environments" / "sea"
    lock, spec = sea / "conda-lock.yml", sea / "environment.yml"
    before = lock.read_bytes()
    killed(BEFORE_THE_LOCK, "lock", "sea", "--add", "xarray", *mirror)
    assert "xarray" in spec.read_text(encoding="utf-8")
    assert lock.read_bytes() == before
    assert findings(capsys, "sea") == (
        f"sea: {lock}: was solved for another spec than environment.yml is now, on linux-64, osx-arm64\n"
        "  fix: bindery lock sea --keep, or without --keep to have the newest of everything\n"
    )
    assert run(["lock", "sea", "--keep", *mirror]) == 0
    kept = lock.read_bytes()
    assert findings(capsys, "sea") == ""
    lock.write_bytes(before)
    assert run(["lock", "sea", "--add", "xarray", *mirror]) == 0  # the same call does as well
    assert lock.read_bytes() == kept


def test_a_line_that_was_taken_out_is_out_and_the_same_call_says_what_makes_the_lock(
    root: Path, mirror: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    spec = root / "environments" / "sea" / "environment.yml"
    killed(BEFORE_THE_LOCK, "lock", "sea", "--remove", "zarr", *mirror)
    capsys.readouterr()
    assert run(["lock", "sea", "--remove", "zarr", *mirror]) == 3
    assert capsys.readouterr().err == (
        f"error: {spec}: does not ask for zarr\n  fix: if it was taken out already: "
        "bindery lock sea --keep, or without --keep to have the newest of everything\n"
    )
    assert run(["lock", "sea", "--keep", *mirror]) == 0
    assert findings(capsys, "sea") == ""
    assert "zarr" not in {package.name for package in read_lock(spec.with_name("conda-lock.yml")).packages}


def test_a_fork_without_its_folder_is_made_by_the_same_call(
    root: Path, mirror: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("fork", f"sea@{OLD}", "mine", "--add", "xarray", *mirror)
    killed(("bindery.environments.forks", "write_lock", "before"), *words)
    assert not (root / "environments" / "mine").exists()
    assert run(["check"]) == 0  # half a fork is no environment
    capsys.readouterr()
    assert run(["check", "mine"]) == 3
    assert capsys.readouterr().err == (
        f"error: {root / 'environments'}: there is no environment mine\n"
        f"  fix: bindery.toml has the fork, its folder was not made: bindery fork sea@{OLD} mine makes it\n"
    )
    assert run(list(words)) == 0
    assert findings(capsys, "mine") == ""
    assert (root / "bindery.toml").read_text(encoding="utf-8").count("fork_of") == 1


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_rebase_is_carried_on_by_the_same_call(
    moment: str, root: Path, mirror: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    mine = root / "environments" / "mine"
    assert run(["fork", f"sea@{OLD}", "mine", "--add", "s3fs<2025.6", "--pin", "ipykernel<6.30", *mirror]) == 0
    before = (mine / "conda-lock.yml").read_bytes()
    words = ("rebase", "mine", "--onto", f"sea@{NEW}", "--give-up", *mirror)
    killed(("bindery.environments.rebase", "write_lock", moment), *words)
    # The line that had to be given up is out of the spec, and the parent is the old one still.
    assert "s3fs" not in (mine / "environment.yml").read_text(encoding="utf-8")
    assert ((mine / "conda-lock.yml").read_bytes() == before) == (moment == "before")
    fix = {
        "before": "bindery lock mine",
        "after": f"carry on with what was interrupted: bindery rebase mine --onto sea@{NEW}",
    }
    assert findings(capsys, "mine").splitlines()[1] == f"  fix: {fix[moment]}"
    assert run(list(words)) == 0
    assert findings(capsys, "mine") == ""
    assert f'fork_of = "sea@{NEW}"' in (root / "bindery.toml").read_text(encoding="utf-8")
    assert {
        package.version for package in read_lock(mine / "conda-lock.yml").packages if package.name == "ipykernel"
    } == {"6.29.5"}
