"""One run of small notebooks, each of which ends in another way, on a real cluster and real kernels."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from bindery.clusters import ClusterSize
from bindery.core import NoProgress, read_settings
from bindery.notebooks import (
    FailureClass,
    NoObserver,
    NotebookResult,
    Outcome,
    RunOptions,
    TestRun,
    collect_notebooks,
    existing_target,
    run_notebooks,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.notebooks.conftest import MakeProject

NOTEBOOKS = {
    "computes": [
        "# parameters\ncount = 5",
        "from data import gen\nfrom distributed import Client\nclient = Client()",
        "client.gather(client.map(gen.twice, gen.make(count)))",
        "print(client.id.rpartition('-')[0][:15])",
    ],
    "looks-around": [
        "import os, sys, pathlib",
        "print(sorted(os.listdir('.')), pathlib.Path.home().name, os.environ['MPLBACKEND'])",
        (
            "print([name for name in os.environ if name.startswith(('PYTHON', 'LD_')) and name not in "
            "('PYTHONNOUSERSITE', 'PYTHONDONTWRITEBYTECODE')])"
        ),
        "print(sys.prefix, [path for path in sys.path if 'bindery' in path and 'builder' in path])",
    ],
    "raises": ["1 + 1", "1 / 0", "2"],
    "exits": ["1", "raise SystemExit(0)", "2"],
    "hangs": ["1", "import time\ntime.sleep(1000)", "2"],
    "killed": ["1", "import os\nos.kill(os.getpid(), 9)", "2"],
    "imports": ["1", "import no_such_module"],
    "input": ["from data import gen\ngen.make(-1)"],
    "no-file": ["open('gmet.zarr')"],
}
LIMIT_S = 25.0


class Recorder(NoObserver):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.cells: list[tuple[str, int, int]] = []
        self.finished: list[str] = []

    def cell_done(self, name: str, index: int, total: int) -> None:
        self.cells.append((name, index, total))

    def notebook_finished(self, result: NotebookResult) -> None:
        self.finished.append(result.name)


@pytest.fixture(scope="module")
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def run(folder: Path, make_project: MakeProject, stack_prefix: Path, recorder: Recorder) -> TestRun:
    settings = read_settings(make_project(folder / "project", NOTEBOOKS))
    (settings.notebooks_folder / "broken.ipynb").write_text("{")
    return run_notebooks(
        settings,
        collect_notebooks(settings, []),
        existing_target(stack_prefix, os.environ),
        RunOptions(size=ClusterSize(workers=1, memory_per_worker="1GiB"), jobs=2, timeout_s=LIMIT_S),
        executed_folder=folder / "executed",
        progress=NoProgress(),
        observer=recorder,
    )


def find(run: TestRun, name: str) -> NotebookResult:
    return next(one for one in run.notebooks if one.name == name)


def stdout(result: NotebookResult, cell: int) -> str:
    return str(result.cells[cell].outputs[0]["text"])


def test_every_notebook_is_reported_in_its_order(run: TestRun, recorder: Recorder) -> None:
    names = sorted([*NOTEBOOKS, "broken"])
    assert [one.name for one in run.notebooks] == names
    assert sorted(recorder.finished) == names
    assert not run.passed


def test_the_run_says_what_it_ran_on(run: TestRun, stack_prefix: Path) -> None:
    assert run.environment == str(stack_prefix)
    assert (run.packages, run.lock_digest, run.release) == ("as installed", "", None)
    assert run.python.startswith("3.11.")
    assert run.versions["xarray"] == "2025.7.1"
    assert run.cluster == "1 worker, 1 thread each, 1GiB each, on this machine"


def test_a_notebook_computes_on_the_cluster_and_is_counted(run: TestRun, recorder: Recorder) -> None:
    result = find(run, "computes")
    assert result.cells[2].outputs[0]["data"] == {"text/plain": "[0, 2, 4, 6, 8]"}
    assert stdout(result, 3) == "Client-computes\n"
    assert result.metrics is not None
    assert (result.metrics.graphs, result.metrics.tasks_done) == (1, {"twice": 5})
    assert [cell.duration_s is not None for cell in result.cells] == [True] * 4
    assert [cell for cell in recorder.cells if cell[0] == "computes"] == [("computes", i, 4) for i in (1, 2, 3, 4)]


def test_a_notebook_without_references_differs(run: TestRun) -> None:
    result = find(run, "computes")
    assert (result.outcome, result.failure) == (Outcome.DIFFERS, FailureClass.DIFFERENCE)
    assert result.message.startswith("cell 1: the reference was never executed or was cleared")


def test_a_kernel_sees_its_own_folder_and_home_and_the_environments_python(run: TestRun, stack_prefix: Path) -> None:
    result = find(run, "looks-around")
    assert stdout(result, 1) == "['data'] home module://matplotlib_inline.backend_inline\n"
    assert stdout(result, 2) == "[]\n"
    assert stdout(result, 3) == f"{stack_prefix} []\n"


@pytest.mark.parametrize(
    ("name", "outcome", "failure", "message"),
    [
        ("raises", Outcome.RAISED, FailureClass.CODE, "ZeroDivisionError: division by zero"),
        ("exits", Outcome.RAISED, FailureClass.CODE, "SystemExit: 0"),
        ("hangs", Outcome.TIMED_OUT, FailureClass.CODE, "took longer than 25 s"),
        ("killed", Outcome.KERNEL_DIED, FailureClass.CODE, "the kernel died: signal 9 (SIGKILL) ended it"),
        (
            "imports",
            Outcome.NOT_RUN,
            FailureClass.ENVIRONMENT,
            "import no_such_module: ModuleNotFoundError: No module named 'no_such_module'",
        ),
        ("input", Outcome.RAISED, FailureClass.DATA, "ValueError: a negative count"),
        (
            "no-file",
            Outcome.RAISED,
            FailureClass.DATA,
            "FileNotFoundError: [Errno 2] No such file or directory: 'gmet.zarr'",
        ),
        (
            "broken",
            Outcome.UNREADABLE,
            FailureClass.CODE,
            "is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        ),
    ],
)
def test_an_end_is_reported_as_what_it_is(
    run: TestRun, name: str, outcome: Outcome, failure: FailureClass, message: str
) -> None:
    result = find(run, name)
    assert (result.outcome, result.failure, result.message.splitlines()[0]) == (outcome, failure, message)


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        ("raises", Outcome.RAISED),
        ("exits", Outcome.RAISED),
        ("hangs", Outcome.TIMED_OUT),
        ("killed", Outcome.KERNEL_DIED),
    ],
)
def test_the_cell_where_it_ended_is_named_and_later_ones_were_not_run(run: TestRun, name: str, ending: Outcome) -> None:
    first, second, third = find(run, name).cells
    assert first.compared
    assert (second.outcome, second.compared) == (ending, False)
    assert (third.outcome, third.compared) == (Outcome.NOT_RUN, False)


def test_a_notebook_whose_imports_fail_is_not_executed(run: TestRun) -> None:
    result = find(run, "imports")
    assert [cell.outcome for cell in result.cells] == [Outcome.NOT_RUN] * 2
    assert result.cells[1].message.startswith("import no_such_module: ")
    assert (result.executed, result.duration_s) == (None, 0.0)


def test_executed_notebooks_are_kept_without_notes_of_the_run(run: TestRun, folder: Path) -> None:
    result = find(run, "computes")
    assert result.executed == folder / "executed" / "computes.ipynb"
    text = result.executed.read_text()
    document = json.loads(text)
    assert [cell["execution_count"] for cell in document["cells"]] == [1, 2, 3, 4]
    assert document["cells"][0]["metadata"] == {"tags": ["parameters"]}
    assert "papermill" not in text
    assert "bindery-test-" not in text


def test_the_committed_notebooks_are_untouched(run: TestRun, folder: Path) -> None:
    assert run.notebooks
    for one in run.notebooks:
        if one.outcome is not Outcome.UNREADABLE:
            assert '"execution_count": 1' not in (folder / "project" / one.path).read_text()
