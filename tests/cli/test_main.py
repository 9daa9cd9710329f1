"""What the command line does with help, errors and interruptions. Commands of the tests stand for real ones."""

from __future__ import annotations

import errno
import importlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import click
import pytest

from bindery import __version__
from bindery.cli.main import GROUPS, LazyGroup, run
from bindery.core import BadInput, BinderyError, CheckFailed, ToolFailed, WrongUse

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Return a function that makes ``bindery check`` do something else."""

    def put(action: Callable[[], object]) -> None:
        module = ModuleType("bindery.cli.check")

        @click.command()
        def command() -> object:
            """Check something."""
            return action()

        module.__dict__["command"] = command
        monkeypatch.setitem(sys.modules, "bindery.cli.check", module)

    return put


def fail(error: BaseException) -> Callable[[], object]:
    def action() -> object:
        raise error

    return action


@pytest.mark.parametrize(
    ("error", "status"), [(CheckFailed, 1), (WrongUse, 2), (BadInput, 3), (ToolFailed, 4)], ids=str
)
def test_an_error_is_shown_whole_and_gives_its_status(
    play: Callable[[Callable[[], object]], None],
    capsys: pytest.CaptureFixture[str],
    error: type[BinderyError],
    status: int,
) -> None:
    play(fail(error("is stale", "conda-lock.yml", "bindery lock")))
    assert run(["check"]) == status
    assert capsys.readouterr() == ("", "error: conda-lock.yml: is stale\n  fix: bindery lock\n")


@pytest.mark.parametrize("error", [BinderyError("no such state"), RuntimeError("no such state")])
def test_our_own_bug_is_shown_with_its_traceback(
    play: Callable[[Callable[[], object]], None], capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    play(fail(error))
    assert run(["check"]) == 70
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-2].endswith("Error: no such state")
    assert lines[-1] == "error: this is a bug in bindery; please report it with the lines above"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()])
def test_ctrl_c_is_status_130(
    play: Callable[[Callable[[], object]], None], capsys: pytest.CaptureFixture[str], error: BaseException
) -> None:
    play(fail(error))
    assert run(["check"]) == 130
    assert capsys.readouterr().err.strip() == "interrupted"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "/data/x"),
            "error: /data/x: the disk is full\n  fix: free some space, or set BINDERY_STORE\n",
        ),
        (
            OSError(errno.ENOSPC, "No space left on device"),
            "error: stdout: the disk is full\n  fix: free some space, or set BINDERY_STORE\n",
        ),
        (
            OSError(errno.EDQUOT, "Disk quota exceeded", "/data/x"),
            "error: /data/x: the disk quota is used up\n  fix: free some space, or set BINDERY_STORE\n",
        ),
        (PermissionError(errno.EACCES, "Permission denied", "/data/x"), "error: /data/x: Permission denied\n"),
        (OSError("the socket is closed"), "error: input/output: the socket is closed\n"),
    ],
)
def test_an_error_of_the_operating_system_is_status_4(
    play: Callable[[Callable[[], object]], None], capsys: pytest.CaptureFixture[str], error: OSError, text: str
) -> None:
    play(fail(error))
    assert run(["check"]) == 4
    assert capsys.readouterr().err == text


@pytest.mark.parametrize(("result", "status"), [(None, 0), (0, 0), (1, 1), ("text", 0)])
def test_a_command_returns_its_status(
    play: Callable[[Callable[[], object]], None], result: object, status: int
) -> None:
    play(lambda: result)
    assert run(["check"]) == status


def test_an_unknown_command_and_option_are_wrong_use(
    play: Callable[[Callable[[], object]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    play(lambda: None)
    assert run(["chek"]) == 2
    assert "No such command 'chek'" in capsys.readouterr().err
    assert run(["check", "--quickly"]) == 2
    assert "No such option '--quickly'" in capsys.readouterr().err


def test_version_names_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"bindery, version {__version__}\n"


def run_bindery(*words: str, stdout: int = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bindery", *words],
        env={**os.environ, "COLUMNS": "100", "NO_COLOR": "1"},
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )


def test_help_shows_every_command_in_its_group() -> None:
    shown: dict[str, list[str]] = {}
    names: list[str] = []
    for line in run_bindery("--help").stdout.splitlines():
        if line.startswith("╭─ "):
            names = shown.setdefault(line.strip("╭╮─ "), [])
        elif line.startswith("│ ") and line[2] != " ":  # what goes on in the next line is indented
            names.append(line.split()[1])
    assert shown.pop("Options") == ["--version", "--help"]
    assert shown == {group: list(names) for group, names in GROUPS.items()}


@pytest.mark.parametrize("name", [name for names in GROUPS.values() for name in names])
def test_every_command_has_help_for_itself_and_for_each_option(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = LazyGroup("bindery").get_command(click.Context(click.Command("bindery")), name)
    assert command is not None
    assert command.help
    options = [one for one in command.params if isinstance(one, click.Option)]
    assert [one.name for one in options if not one.help] == []
    for flag in ("-h", "--help"):
        assert run([name, flag]) == 0
        assert f"Usage: bindery {name}" in capsys.readouterr().out


def test_help_that_nobody_reads_to_its_end_is_not_an_error_message() -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        done = run_bindery("--help", stdout=write)
    finally:
        os.close(write)
    assert (done.returncode, done.stderr) == (4, "")


def test_stdout_on_a_full_disk_is_told() -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = run_bindery("--version", stdout=full.fileno())
    assert done.returncode == 4
    assert done.stderr == "error: stdout: the disk is full\n  fix: free some space, or set BINDERY_STORE\n"


def test_an_interrupt_ends_the_process_with_130() -> None:
    code = (
        "import time, bindery.core, importlib; main = importlib.import_module('bindery.cli.main')\n"
        "def wait(**_): print('ready', flush=True); time.sleep(600)\n"
        "main.bindery.invoke = lambda ctx: wait()\n"
        "main.main(['check'])\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err.decode().strip()) == (130, "interrupted")


def test_calling_a_command_does_not_import_what_draws_help() -> None:
    code = (
        "import sys, bindery.cli; print([name for name in ('rich', 'rich_click', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_module_without_a_command_is_our_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("types").ModuleType("bindery.cli.check")
    module.command = "not a command"
    monkeypatch.setitem(sys.modules, "bindery.cli.check", module)
    with pytest.raises(TypeError, match=r"^bindery\.cli\.check\.command is not a command$"):
        LazyGroup("bindery").get_command(click.Context(click.Command("bindery")), "check")
