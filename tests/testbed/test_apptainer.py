"""Apptainer itself, before anything of ours is given to it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.testbed.confined import remove_leftovers
from tests.testbed.shell import make_shell_archive
from tests.testbed.users import User, current_user, run_as

if TYPE_CHECKING:
    from tests.testbed.apptainer import Apptainer

pytestmark = pytest.mark.testbed


@pytest.fixture(scope="module")
def shell_sif(apptainer: Apptainer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a SIF, made by Apptainer, that has a shell and little else; every user can read it."""
    folder = tmp_path_factory.mktemp("shell")
    make_shell_archive(folder / "shell.tar")
    (folder / "root").mkdir()
    subprocess.run(["tar", "-xf", folder / "shell.tar", "-C", folder / "root"], check=True)
    apptainer.run("build", folder / "shell.sif", folder / "root")
    return apptainer.share(folder / "shell.sif")


def test_it_says_its_version_and_nothing_of_libraries(apptainer: Apptainer) -> None:
    said = apptainer.run("--version")
    assert re.fullmatch(r"apptainer version 1\.[0-9.]+\n", said.stdout)
    assert said.stderr == ""


@pytest.mark.parametrize("options", [(), ("--userns",)], ids=["plain", "user namespace"])
def test_root_runs_a_sif(apptainer: Apptainer, shell_sif: Path, options: tuple[str, ...]) -> None:
    assert apptainer.run("exec", *options, shell_sif, "id", "-u").stdout == f"{os.geteuid()}\n"


@pytest.mark.parametrize("options", [(), ("--unsquash",)], ids=["plain", "unpacked"])
def test_an_ordinary_user_runs_a_sif(
    apptainer: Apptainer, shell_sif: Path, tester: User, options: tuple[str, ...]
) -> None:
    said = apptainer.run("exec", *options, shell_sif, "sh", "-c", "id -u; echo $HOME", user=tester)
    assert said.stdout == f"{tester.uid}\n{tester.home}\n"


def test_variables_are_handed_on_and_failures_shown(apptainer: Apptainer, shell_sif: Path) -> None:
    script = "echo $GREETING; exit 3"
    said = apptainer.run("exec", shell_sif, "sh", "-c", script, env={"GREETING": "hello"}, check=False)
    assert (said.returncode, said.stdout) == (3, "hello\n")
    with pytest.raises(AssertionError, match=r"(?s)^apptainer exec .*: 3\nhello\n"):
        apptainer.run("exec", shell_sif, "sh", "-c", script, env={"GREETING": "hello"})


def test_it_is_also_called_singularity(apptainer: Apptainer, shell_sif: Path) -> None:
    done = subprocess.run(
        ["singularity", "exec", shell_sif, "id", "-u"],
        env=apptainer.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{os.geteuid()}\n"


@pytest.mark.parametrize("mode", [0o644, 0o600])
def test_what_is_shared_can_be_read_by_all(apptainer: Apptainer, tester: User, tmp_path: Path, mode: int) -> None:
    file = tmp_path / "a.sif"
    file.write_text("x\n", encoding="utf-8")
    file.chmod(mode)
    shared = apptainer.share(file)
    assert run_as(tester, ["cat", shared], env={}).stdout == "x\n"
    assert file.stat().st_mode & 0o777 == mode


def test_what_a_killed_run_leaves_the_next_removes() -> None:
    script = (
        "import os, signal\n"
        "from tests.testbed.apptainer import unpack_apptainer\n"
        "with unpack_apptainer() as one:\n"
        "    print(one.folder, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    root = Path(__file__).parents[2]
    killed = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=False)
    left = Path(killed.stdout.rstrip("\n"))
    assert left.name.startswith("bindery-apptainer-")
    remove_leftovers("apptainer")
    assert not left.exists()


def test_the_ordinary_user_is_not_root(tester: User) -> None:
    assert tester.uid != 0
    assert current_user().uid == os.geteuid()
