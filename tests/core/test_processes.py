"""Real programs: loud ones, slow ones, ones that start others."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from bindery.core import Finished, ToolFailed, run_process, start_process, stop_process

ENV = {"PATH": os.environ["PATH"]}
MEGABYTES = 4
LOUD = f"""
import sys
for _ in range({MEGABYTES}):
    sys.stdout.write("o" * 1_000_000); sys.stderr.write("e" * 1_000_000)
"""
FAMILY = """
import signal, subprocess, sys, time
if sys.argv[1] == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; print('grandchild', flush=True); time.sleep(600)"],
                         stdout=subprocess.PIPE)
child.stdout.readline()
open(sys.argv[2], "w").write(str(child.pid))
time.sleep(600)
"""


def python(code: str, *words: str) -> list[str]:
    return [sys.executable, "-c", code, *words]


def is_alive(pid: int) -> bool:
    """Return whether the process is there and is more than an entry that waits for its parent."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def wait_until_gone(pid: int) -> bool:
    for _ in range(200):
        if not is_alive(pid):
            return True
        time.sleep(0.05)
    return False


def test_megabytes_on_both_pipes_are_read(tmp_path: Path) -> None:
    finished = run_process(python(LOUD), env=ENV, cwd=tmp_path, timeout_s=60)
    assert finished.status == 0
    assert finished.stdout == b"o" * MEGABYTES * 1_000_000
    assert finished.stderr == b"e" * MEGABYTES * 1_000_000


def test_megabytes_of_input_arrive(tmp_path: Path) -> None:
    code = "import sys; print(len(sys.stdin.buffer.read()))"
    finished = run_process(python(code), env=ENV, cwd=tmp_path, timeout_s=60, stdin=b"x" * 4_000_000)
    assert finished.stdout == b"4000000\n"


def test_input_that_nobody_reads_is_no_error(tmp_path: Path) -> None:
    finished = run_process(python("pass"), env=ENV, cwd=tmp_path, timeout_s=60, stdin=b"x" * 4_000_000)
    assert finished == Finished(status=0, stdout=b"", stderr=b"")


def test_the_environment_and_the_folder_are_the_ones_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOT_HANDED_ON", "1")
    code = "import os; print(os.getcwd(), os.environ.get('NOT_HANDED_ON'), os.environ['ONLY'])"
    finished = run_process(python(code), env={**ENV, "ONLY": "this"}, cwd=tmp_path, timeout_s=60)
    assert finished.stdout.decode() == f"{tmp_path} None this\n"


def test_a_failure_shows_the_last_lines_of_stderr(tmp_path: Path) -> None:
    code = "import sys; print('on stdout'); [print(f'line {n}', file=sys.stderr) for n in range(30)]; sys.exit(7)"
    args = python(code)
    with pytest.raises(ToolFailed) as caught:
        run_process(args, env=ENV, cwd=tmp_path, timeout_s=60)
    lines = "".join(f"\n  | line {n}" for n in range(10, 30))
    assert str(caught.value) == f"{' '.join(args)}: ended with status 7{lines}"


def test_a_failure_without_stderr_shows_stdout(tmp_path: Path) -> None:
    args = python("print('on stdout'); raise SystemExit(1)")
    with pytest.raises(ToolFailed) as caught:
        run_process(args, env=ENV, cwd=tmp_path, timeout_s=60)
    assert str(caught.value) == f"{' '.join(args)}: ended with status 1\n  | on stdout"


def test_a_status_that_is_expected_is_returned(tmp_path: Path) -> None:
    finished = run_process(python("raise SystemExit(3)"), env=ENV, cwd=tmp_path, timeout_s=60, check=False)
    assert finished.status == 3


def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ToolFailed) as caught:
        run_process(["no-such-program", "--now"], env=ENV, cwd=tmp_path, timeout_s=60)
    assert str(caught.value) == "no-such-program --now: cannot be started: No such file or directory"


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    args = python("pass")
    with pytest.raises(ToolFailed) as caught:
        run_process(args, env=ENV, cwd=tmp_path / "gone", timeout_s=60)
    assert str(caught.value) == f"{' '.join(args)}: cannot be started in {tmp_path}/gone: No such file or directory"


@pytest.mark.parametrize("manner", ["polite", "stubborn"])
def test_the_limit_ends_the_program_and_what_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, manner: str
) -> None:
    monkeypatch.setattr("bindery.core.processes.stop_process", lambda process: stop_process(process, grace_s=0.2))
    args = python(FAMILY, manner, str(tmp_path / "pid"))
    with pytest.raises(ToolFailed) as caught:
        run_process(args, env=ENV, cwd=tmp_path, timeout_s=3)
    assert str(caught.value) == f"{' '.join(args)}: took longer than 3 s"
    assert wait_until_gone(int((tmp_path / "pid").read_text(encoding="utf-8")))


def test_an_interrupt_ends_the_program(tmp_path: Path) -> None:
    def interrupt(signum: int, frame: object) -> None:
        del signum, frame
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 3)
        with pytest.raises(KeyboardInterrupt):
            run_process(python(FAMILY, "polite", str(tmp_path / "pid")), env=ENV, cwd=tmp_path, timeout_s=60)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert wait_until_gone(int((tmp_path / "pid").read_text(encoding="utf-8")))


def test_a_program_is_not_reached_by_the_terminals_interrupt(tmp_path: Path) -> None:
    process = start_process(python("import time; time.sleep(600)"), env=ENV, cwd=tmp_path)
    try:
        assert os.getpgid(process.pid) == process.pid != os.getpgid(0)
    finally:
        stop_process(process)


def test_stopping_twice_is_fine(tmp_path: Path) -> None:
    process = start_process(python("pass"), env=ENV, cwd=tmp_path)
    stop_process(process)
    stop_process(process)
    assert process.poll() is not None
