"""Runs that several processes share, held by running pytest on small projects."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.schedule import FIRST, GROUPS, rank, unit_of

ROOT = Path(__file__).parent.parent
CONFTEST = """
import os
from pathlib import Path
import pytest
from tests.conftest import pytest_xdist_make_scheduler

@pytest.fixture(autouse=True)
def note(request):
    with Path("note").open("a") as notes:
        notes.write(f"{os.getpid()} {request.node.nodeid}\\n")
"""
TWO = """
import time
def test_one(): time.sleep(0.2)
def test_two(): time.sleep(0.2)
"""
DEAR = {
    "docker_engine": re.compile(r"[(, ](?:docker_engine|real_image|build_real): "),
    "hpc_sif": re.compile(r"[(, ](?:hpc_image|hpc_sif): "),
    "cluster": re.compile(r"[(, ]cluster: LocalCluster"),
}
"""How a test asks for what a group shares, or for what is made of that."""
SLOW = """
import os, time
from pathlib import Path
import pytest

@pytest.fixture(scope="session", autouse=True)
def something():
    Path(f"there-{os.getpid()}").touch()
    yield
    Path(f"there-{os.getpid()}").unlink()

@pytest.mark.parametrize("number", range(4))
def test_slow(number):
    time.sleep(60)
"""


def command(folder: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", str(folder), "-n", "2", *words]


def environ(folder: Path) -> dict[str, str]:
    """Return variables in which the tests' own modules are found, without what a worker is told.

    Temporary folders are below ``folder``: a run closes the one that all runs share, and tests beside it need it open.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "CI"))}
    ours = {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "PYTEST_DEBUG_TEMPROOT": str(folder)}
    return {**kept, **ours}


def run_shared(folder: Path, *files: str) -> list[tuple[str, str]]:
    """Return the process that ran each test and the test's file, in order."""
    (folder / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(TWO, encoding="utf-8")
    words = command(folder, "--import-mode=importlib", *sorted({file.split("/")[0] for file in files}))
    done = subprocess.run(words, env=environ(folder), cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    lines = [line.split() for line in (folder / "note").read_text(encoding="utf-8").splitlines()]
    return [(process, test.partition("::")[0]) for process, test in lines]


def test_files_that_share_something_dear_are_run_by_one_process_and_come_first(tmp_path: Path) -> None:
    dear = ["tests/images/containers/test_d.py", "tests/images/docker_engine/test_b.py"]
    ran = run_shared(tmp_path, "tests/a/test_a.py", *dear, "tests/a/test_c.py", "tests/a/test_e.py")
    assert len(ran) == 10
    assert len({process for process, _ in ran}) == 2
    (process,) = {process for process, file in ran if file in dear}
    assert [file for one, file in ran if one == process][:4] == [dear[0], dear[0], dear[1], dear[1]]
    for name in "ace":
        assert len({process for process, file in ran if file == f"tests/a/test_{name}.py"}) == 1


def test_a_unit_is_a_group_or_a_file() -> None:
    assert unit_of("tests/images/containers/test_hubs.py::test_a_hub[5]") == "docker_engine"
    assert unit_of("tests/images/verify/test_clean.py::test_it") == "tests/images/verify/test_clean.py"


def test_what_takes_long_comes_first() -> None:
    units = ["tests/core/test_json.py", "cluster", "tests/acceptance/test_notebooks.py", "docker_engine"]
    assert sorted(units, key=rank) == units[::-1]


def test_who_asks_for_something_dear_is_in_its_group() -> None:
    files = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in ROOT.glob("tests/**/test_*.py")}
    elsewhere = [
        f"{file} asks for {name}"
        for file, text in files.items()
        for name, asks in DEAR.items()
        if asks.search(text) and unit_of(file) != name
    ]
    assert elsewhere == [], "tests/schedule.py names the files that share it"


def test_what_is_named_is_there() -> None:
    patterns = [pattern for group in GROUPS.values() for pattern in group]
    named = [pattern for pattern in (*patterns, *FIRST) if pattern not in GROUPS]
    assert [pattern for pattern in named if not any(ROOT.glob(pattern))] == []


@pytest.mark.parametrize("whole_group", [True, False], ids=["from-the-keyboard", "one-process"])
def test_an_interruption_ends_all_processes_in_order(tmp_path: Path, *, whole_group: bool) -> None:
    (tmp_path / "test_slow.py").write_text(SLOW, encoding="utf-8")
    words = command(tmp_path, str(tmp_path))
    with subprocess.Popen(
        words, env=environ(tmp_path), cwd=tmp_path, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        while len(list(tmp_path.glob("there-*"))) < 2:
            assert process.poll() is None
            time.sleep(0.05)
        (os.killpg if whole_group else os.kill)(process.pid, signal.SIGINT)
        said, _ = process.communicate()
    assert process.returncode == pytest.ExitCode.INTERRUPTED, said
    assert list(tmp_path.glob("there-*")) == []
