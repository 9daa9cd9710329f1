from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from bindery.notebooks.kernels import LEASH, KernelPlace, describe_status, last_lines, make_manager, read_status

LIMIT_S = 30.0


def start(status: Path, *words: str) -> subprocess.Popen[bytes]:
    args = [sys.executable, "-I", "-S", str(LEASH), str(status), *words]
    pipe = subprocess.PIPE
    return subprocess.Popen(args, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until_gone(pid: int) -> bool:
    give_up_s = time.monotonic() + LIMIT_S
    while is_running(pid) and time.monotonic() < give_up_s:
        time.sleep(0.02)
    return not is_running(pid)


@pytest.mark.parametrize(("script", "status"), [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", -9), ("kill -11 $$", -11)])
def test_the_status_of_the_program_is_kept(tmp_path: Path, script: str, status: int) -> None:
    with start(tmp_path / "status", "/bin/sh", "-c", script) as leash:
        leash.wait(LIMIT_S)
    assert (tmp_path / "status").read_text() == str(status)


def test_a_program_that_is_not_there_says_so(tmp_path: Path) -> None:
    with start(tmp_path / "status", "/no/such/program") as leash:
        assert leash.stderr is not None
        assert leash.stderr.read() == b"/no/such/program: No such file or directory\n"
        leash.wait(LIMIT_S)
    assert (tmp_path / "status").read_text() == "127"


def test_what_the_program_started_ends_with_whoever_holds_the_leash(tmp_path: Path) -> None:
    with start(tmp_path / "status", "/bin/sh", "-c", "sleep 1000 & echo $!; wait") as leash:
        assert leash.stdout is not None
        assert leash.stdin is not None
        sleeper = int(leash.stdout.readline())
        assert is_running(sleeper)
        leash.stdin.close()
        leash.wait(LIMIT_S)
        assert wait_until_gone(sleeper)
    assert not (tmp_path / "status").exists()


def test_what_the_program_left_behind_ends_with_it(tmp_path: Path) -> None:
    with start(tmp_path / "status", "/bin/sh", "-c", "sleep 1000 & echo $!") as leash:
        assert leash.stdout is not None
        sleeper = int(leash.stdout.readline())
        leash.wait(LIMIT_S)
        assert wait_until_gone(sleeper)


def test_an_interruption_of_the_group_reaches_the_program_only(tmp_path: Path) -> None:
    script = "trap 'echo interrupted; exit 5' INT; echo ready; while :; do sleep 0.05; done"
    with start(tmp_path / "status", "/bin/sh", "-c", script) as leash:
        assert leash.stdout is not None
        assert leash.stdout.readline() == b"ready\n"
        subprocess.run(["/bin/sh", "-c", f"kill -INT -{leash.pid}"], check=True)
        assert leash.stdout.readline() == b"interrupted\n"
        leash.wait(LIMIT_S)
    assert (tmp_path / "status").read_text() == "5"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (None, "it was killed"),
        (0, "it ended with status 0"),
        (-9, "signal 9 (SIGKILL) ended it"),
        (-99, "signal 99 (unknown) ended it"),
    ],
)
def test_a_status_is_said_in_words(status: int | None, words: str) -> None:
    assert describe_status(status) == words


def make_place(folder: Path) -> KernelPlace:
    return KernelPlace(python=Path("/p/bin/python"), environ={}, cwd=folder, folder=folder)


def test_a_kernel_is_the_environments_whatever_its_name_is(tmp_path: Path) -> None:
    manager = make_manager(make_place(tmp_path))
    for name in ("python3", "my-own-kernel"):
        spec = manager.kernel_spec_manager.get_kernel_spec(name)
        assert spec.argv[-5:] == ["/p/bin/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]


def test_sockets_are_files_where_the_path_is_short_enough(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    assert make_manager(make_place(deep)).transport == "tcp"
    assert make_manager(make_place(Path("/tmp"))).transport == "ipc"  # noqa: S108 - nothing is written there


def test_a_kernel_that_printed_nothing_has_no_last_lines(tmp_path: Path) -> None:
    place = make_place(tmp_path)
    assert (last_lines(place), read_status(place)) == ("", None)
    place.errors.write_text("\n".join(map(str, range(30))))
    assert last_lines(place).splitlines()[1:] == [f"  | {number}" for number in range(10, 30)]
