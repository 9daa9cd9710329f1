"""The rule that nothing is skipped in CI, held by running pytest on small projects."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
MODULE = """
import pytest

def test_passes():
    pass

{decorator}
def test_other():
    {body}
"""


def run_pytest(
    folder: Path,
    *words: str,
    decorator: str = "",
    body: str = "pass",
    allowed: str = "",
    ci: str = "true",
) -> tuple[int, str]:
    tests = folder / "tests"
    tests.mkdir(exist_ok=True)
    (tests / "conftest.py").write_bytes((HERE / "conftest.py").read_bytes())
    (tests / "allowed-skips.txt").write_text(allowed, encoding="utf-8")
    (tests / "test_one.py").write_text(MODULE.format(decorator=decorator, body=body), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", folder, tests, *words],
        env={
            "CI": ci,
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(HERE.parent),
            "PYTHONDONTWRITEBYTECODE": "1",
            # Else it would close the folder of all runs, into which other users look in tests beside this one.
            "PYTEST_DEBUG_TEMPROOT": str(folder),
        },
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_a_run_without_skips_passes_in_ci(tmp_path: Path) -> None:
    status, output = run_pytest(tmp_path)
    assert status == 0
    assert "2 passed" in output.splitlines()[-1]


@pytest.mark.parametrize(
    ("decorator", "body", "why"),
    [
        ("", "pytest.skip('no browser')", "Skipped: no browser"),
        ("@pytest.mark.skipif(True, reason='old')", "pass", "Skipped: old"),
        ("@pytest.mark.xfail(reason='a bug')", "assert False", "a bug"),
    ],
)
def test_a_skip_fails_the_run_in_ci_and_is_named(tmp_path: Path, decorator: str, body: str, why: str) -> None:
    status, output = run_pytest(tmp_path, decorator=decorator, body=body)
    assert status == 1
    assert f"skipped in CI, and not in tests/allowed-skips.txt: tests/test_one.py::test_other: {why}" in output


def test_a_skip_fails_a_run_that_several_processes_share(tmp_path: Path) -> None:
    skipped = "pass\n\ndef test_third():\n    pytest.skip('no browser')"
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_two.py").write_text("import pytest\npytest.importorskip('no_such_module')\n")
    status, output = run_pytest(
        tmp_path, "-n", "2", decorator="@pytest.mark.xfail(reason='a bug', run=False)", body=skipped
    )
    assert status != 0
    head = "skipped in CI, and not in tests/allowed-skips.txt: tests/"
    said = sorted(line.removeprefix(head) for line in output.splitlines() if line.startswith(head))
    assert [line.partition(": ")[0] for line in said] == [
        *("test_one.py::test_other", "test_one.py::test_third", "test_two.py")
    ], output
    assert said[1] == "test_one.py::test_third: Skipped: no browser"


def test_a_module_that_skips_itself_fails_the_run_in_ci(tmp_path: Path) -> None:
    status, output = run_pytest(tmp_path, decorator="pytest.importorskip('no_such_module')")
    assert status != 0
    assert "skipped in CI, and not in tests/allowed-skips.txt: tests/test_one.py: " in output


def test_a_skip_that_is_listed_with_its_reason_passes_in_ci(tmp_path: Path) -> None:
    status, output = run_pytest(
        tmp_path, body="pytest.skip('why')", allowed="tests/test_one.py::test_o* too old here\n"
    )
    assert status == 0
    assert "1 passed, 1 skipped" in output.splitlines()[-1]


def test_a_listed_skip_needs_a_reason(tmp_path: Path) -> None:
    status, _ = run_pytest(tmp_path, body="pytest.skip('why')", allowed="tests/test_one.py::test_other\n")
    assert status != 0


@pytest.mark.parametrize("processes", ["0", "2"])
def test_what_is_left_out_is_counted(tmp_path: Path, processes: str) -> None:
    status, output = run_pytest(tmp_path, "-n", processes, "-k", "passes")
    assert status == 0
    assert "1 passed, 1 deselected" in output.splitlines()[-1]


def test_outside_ci_a_skip_is_only_shown(tmp_path: Path) -> None:
    status, output = run_pytest(tmp_path, body="pytest.skip('no browser')", ci="")
    assert status == 0
    assert "1 passed, 1 skipped" in output.splitlines()[-1]
