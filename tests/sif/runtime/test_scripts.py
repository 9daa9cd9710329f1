"""The scripts that go into images, where they can be tried outside of one."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from bindery.sif.apps import FILES, runtime_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def run(name: str, *words: str, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Return how the script ended."""
    return subprocess.run(
        ["/bin/sh", FILES / name, *words], env=dict(env), capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (
            "notebook.sh",
            "the environment ocean has no papermill, which executes notebooks\n  fix: add it and lock again\n",
        ),
        ("worker.sh", "the environment ocean has no dask\n  fix: add it and lock again\n"),
        ("lab.sh", "the environment ocean has no jupyterlab\n  fix: add it and lock again, or name a command\n"),
    ],
)
def test_an_environment_that_lacks_the_program(script: str, said: str, tmp_path: Path) -> None:
    done = run(script, env={"PATH": str(tmp_path), "BINDERY_ENVIRONMENT": "ocean"})
    assert (done.returncode, done.stdout, done.stderr) == (3, "", said)


@pytest.mark.parametrize("word", ["-o", "--output"])
def test_an_output_without_a_name(word: str, tmp_path: Path) -> None:
    (tmp_path / "papermill").write_text("#!/bin/sh\n", encoding="utf-8")
    (tmp_path / "papermill").chmod(0o755)
    done = run("notebook.sh", "x.ipynb", word, env={"PATH": str(tmp_path)})
    assert (done.returncode, done.stderr) == (2, f"{word}: names no file\n  fix: x.ipynb -p n 10 -o out.ipynb\n")


def test_what_is_entered_goes_through_the_repositorys_start(tmp_path: Path) -> None:
    start = tmp_path / "start"
    start.write_text('#!/bin/sh\nexport STARTED="by start"\nexec "$@"\n', encoding="utf-8")
    start.chmod(0o755)
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    said = run("enter.sh", "sh", "-c", 'echo "$STARTED $*"', "it", "a  b", env={**env, "R2D_ENTRYPOINT": str(start)})
    assert (said.returncode, said.stdout, said.stderr) == (0, "by start a  b\n", "")
    assert run("enter.sh", "sh", "-c", 'echo "$STARTED."', env=env).stdout == ".\n"


def test_a_release_that_was_withdrawn_says_so(tmp_path: Path) -> None:
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "BINDERY_WITHDRAWN": "ocean@2026.11.22 was withdrawn: wrong"}
    done = run("enter.sh", "echo", "said", env=env)
    assert (done.stdout, done.stderr) == ("said\n", "ocean@2026.11.22 was withdrawn: wrong\n")


def test_lines_of_help_fit_on_a_terminal() -> None:
    assert (
        max(len(line) for file in FILES.glob("*.help") for line in file.read_text(encoding="utf-8").split("\n")) <= 120
    )


@pytest.mark.parametrize("name", sorted(one.name for one in FILES.glob("*.sh")))
def test_scripts_are_what_the_smallest_shell_reads(name: str) -> None:
    # /bin/sh of the tests is the one of images, too; the profile asks for bash before it uses what only bash has.
    subprocess.run(["/bin/sh" if name != "profile.sh" else "bash", "-n", FILES / name], check=True)
    assert runtime_text(name).isascii()
