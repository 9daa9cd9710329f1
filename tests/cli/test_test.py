"""``bindery test`` as a person calls it, in an environment that is there already."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bindery.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Callable

NOTEBOOK = {
    "cells": [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": f"cell-{number}",
            "metadata": {"tags": ["parameters"]} if number == 0 else {},
            "outputs": [],
            "source": source,
        }
        for number, source in enumerate(
            (
                "count = 3",
                "from distributed import Client\nclient = Client()",
                "sum(client.gather(client.map(abs, range(int(count)))))",
                "print(type(count).__name__, count)",
            )
        )
    ],
    "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}
LIMIT_S = 240


@pytest.fixture(scope="module")
def prefix(stack_python: Callable[[str], Path]) -> Path:
    return stack_python("3.11").parent.parent


def write_notebook(project: Path, name: str, *sources: str) -> None:
    cells = [
        {"cell_type": "code", "execution_count": 1, "id": f"c{number}", "metadata": {}, "outputs": [], "source": source}
        for number, source in enumerate(sources)
    ]
    (project / "notebooks" / f"{name}.ipynb").write_text(json.dumps({**NOTEBOOK, "cells": cells}))


@pytest.fixture(scope="module")
def accepted(tmp_path_factory: pytest.TempPathFactory, prefix: Path) -> Path:
    """Return a project whose one notebook has the references of a run."""
    project = tmp_path_factory.mktemp("accepted")
    (project / "bindery.toml").write_text("[test]\nworkers = 1\nmemory_per_worker = '1GiB'\n")
    (project / "notebooks").mkdir()
    (project / "notebooks" / "adds.ipynb").write_text(json.dumps(NOTEBOOK))
    finished = bindery(project, "--prefix", str(prefix), "--update")
    assert finished.returncode == 0, finished.stderr
    assert "adds: cell 3: accepted: has a reference for the first time (1 output)\n" in finished.stderr
    return project


@pytest.fixture
def project(accepted: Path, tmp_path: Path) -> Path:
    """Return a copy of it."""
    shutil.copytree(accepted, tmp_path / "project", ignore=shutil.ignore_patterns("report"))
    return tmp_path / "project"


def command(*arguments: str) -> list[str]:
    code = "import sys; from bindery.cli import main; main(sys.argv[1:])"
    return [sys.executable, "-c", code, "test", *arguments]


def bindery(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), cwd=project, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )


def mentioning(text: str) -> list[str]:
    """Return the command lines of all processes that mention the text, but for this one's."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            line = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            environ = (path / "environ").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if path.name != str(os.getpid()) and (text in line or text in environ):
            found.append(f"{path.name} {line}")
    return found


def wait_until(condition: Callable[[], bool], limit_s: float = 120.0) -> bool:
    give_up_s = time.monotonic() + limit_s
    while not condition() and time.monotonic() < give_up_s:
        time.sleep(0.1)
    return condition()


def test_a_notebook_as_referenced_passes_and_everything_is_reported(project: Path, prefix: Path) -> None:
    finished = bindery(project, "adds", "--prefix", str(prefix), "--junit", "junit.xml", "--jobs", "1")
    assert (finished.returncode, finished.stdout) == (0, "report/index.html\n"), finished.stderr
    assert "adds: 4 cells as referenced" in finished.stderr
    results = json.loads((project / "report" / "results.json").read_text())
    assert results["schema"] == 1
    assert results["notebooks"][0]["outcome"] == "passed"
    assert results["notebooks"][0]["metrics"]["tasks_done"] == {"abs": 3}
    assert results["notebooks"][0]["path"] == "notebooks/adds.ipynb"
    junit, page = (project / "junit.xml").read_text(), (project / "report" / "index.html").read_text()
    assert '<testcase name="cell 4" classname="adds" file="notebooks/adds.ipynb"' in junit
    assert '<p class="path">notebooks/adds.ipynb</p>' in page
    assert [text for text in (junit, page, json.dumps(results)) if str(project) in text] == []


def test_parameters_are_texts_unless_given_as_yaml(project: Path, prefix: Path) -> None:
    yaml = ["-y", "{count: 3}", "--json", "--quiet"]
    typed = bindery(project, "--prefix", str(prefix), *yaml)
    assert typed.returncode == 0, typed.stderr
    assert json.loads(typed.stdout)["notebooks"][0]["outcome"] == "passed"
    text = bindery(project, "--prefix", str(prefix), "-r", "count", "3", "--json", "--quiet")
    assert text.returncode == 1
    (cell,) = [one for one in json.loads(text.stdout)["notebooks"][0]["cells"] if one["outcome"] != "passed"]
    assert cell["outputs"][0]["text"] == "str 3\n"
    assert text.stderr == ""


def test_kill_9_leaves_no_process_and_the_next_run_gives_the_same(project: Path, prefix: Path, tmp_path: Path) -> None:
    write_notebook(project, "hangs", "from distributed import Client\nc = Client()", "import time\ntime.sleep(1000)")
    temporary = tmp_path / "t"
    temporary.mkdir()
    environ = {**os.environ, "TMPDIR": str(temporary)}
    arguments = command("--prefix", str(prefix))
    with subprocess.Popen(arguments, cwd=project, env=environ, stderr=subprocess.PIPE) as run:
        # The kernel, its leash, the scheduler and the worker all have the run's folder in their words or variables.
        assert wait_until(lambda: any("ipykernel" in line for line in mentioning(str(temporary))))
        run.send_signal(signal.SIGKILL)
    assert wait_until(lambda: mentioning(str(temporary)) == []), mentioning(str(temporary))
    assert len(list(temporary.iterdir())) == 1
    again = subprocess.run(
        command("adds", "--prefix", str(prefix)),
        cwd=project,
        env=environ,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert again.returncode == 0, again.stderr
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_ends_everything_and_removes_the_folder(
    project: Path, prefix: Path, tmp_path: Path, number: signal.Signals
) -> None:
    write_notebook(project, "hangs", "import time\ntime.sleep(1000)")
    temporary = tmp_path / "t"
    temporary.mkdir()
    environ = {**os.environ, "TMPDIR": str(temporary)}
    arguments = command("hangs", "--prefix", str(prefix))
    with subprocess.Popen(arguments, cwd=project, env=environ, stderr=subprocess.PIPE, text=True) as run:
        assert wait_until(lambda: any("ipykernel" in line for line in mentioning(str(temporary))))
        run.send_signal(number)
        _, said = run.communicate(timeout=LIMIT_S)
    assert run.returncode == 130
    assert said.endswith("interrupted\n")
    assert mentioning(str(temporary)) == []
    assert list(temporary.iterdir()) == []
    assert not (project / "report" / "index.html").exists()


def test_imports_alone_are_tried_and_nothing_is_executed(project: Path, prefix: Path) -> None:
    write_notebook(project, "lacks", "1", "import no_such_module", "open('executed', 'w')")
    (project / "notebooks" / "broken.ipynb").write_text("{")
    finished = bindery(project, "--imports", "--prefix", str(prefix))
    assert finished.returncode == 1
    message = "is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"
    assert finished.stdout.splitlines() == [
        "adds: all imports work",
        f"{project}/notebooks/broken.ipynb: {message}",
        "lacks: cell 2: import no_such_module: ModuleNotFoundError: No module named 'no_such_module'",
    ]
    assert not (project / "report").exists()
    good = bindery(project, "adds", "--imports", "--json", "--prefix", str(prefix))
    assert (good.returncode, json.loads(good.stdout)["notebooks"]) == (0, {"adds": []})


@pytest.fixture(scope="module")
def bare_prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bare") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return folder


def test_an_environment_without_a_kernel_fails_every_notebook(project: Path, bare_prefix: Path) -> None:
    write_notebook(project, "plain", "1")
    finished = bindery(project, "plain", "--prefix", str(bare_prefix))
    assert finished.returncode == 1
    message = "the environment cannot start kernels: ModuleNotFoundError: No module named 'ipykernel'"
    (result,) = json.loads((project / "report" / "results.json").read_text())["notebooks"]
    assert (result["outcome"], result["failure"], result["message"]) == ("no kernel", "environment", message)
    tried = bindery(project, "plain", "--imports", "--prefix", str(bare_prefix))
    assert tried.returncode == 1
    assert tried.stdout.endswith(": cannot start kernels: ModuleNotFoundError: No module named 'ipykernel'\n")


def test_a_run_of_files_that_are_no_notebooks_is_bad_input(project: Path, bare_prefix: Path) -> None:
    (project / "notebooks" / "broken.ipynb").write_text("{")
    finished = bindery(project, "broken", "--prefix", str(bare_prefix))
    assert finished.returncode == 3
    assert "is not JSON" in finished.stderr


def test_update_accepts_nothing_of_a_notebook_that_did_not_run(project: Path, bare_prefix: Path) -> None:
    before = (project / "notebooks" / "adds.ipynb").read_bytes()
    finished = bindery(project, "--update", "--prefix", str(bare_prefix))
    assert finished.returncode == 1
    assert re.search(r"adds: nothing to accept: the environment cannot start kernels", finished.stderr)
    assert (project / "notebooks" / "adds.ipynb").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--prefix", ".", "--environment", "pangeo"], 2, "--prefix and --environment exclude each other"),
        (
            ["--scheduler", "tcp://h:1", "--workers", "2"],
            2,
            "--workers, --threads and --memory are for a cluster of ours, --scheduler is somebody else's",
        ),
        (
            ["--update", "-p", "count", "4"],
            2,
            "--update would make references of other parameters than the notebooks have",
        ),
        (["-y", "{"], 3, "-y: is not YAML: {\n  fix: -y 'name: value'"),
        (["-y", "7"], 3, "-y: gives no names: 7\n  fix: -y 'name: value'"),
        (["-y", "{1: 2}"], 3, "-y: gives no names: {1: 2}\n  fix: -y 'name: value'"),
        (["-p", "counts", "4"], 3, "no notebook has a parameter 'counts'\n  fix: did you mean count?"),
        (["no-such-notebook"], 3, "there is no notebook 'no-such-notebook'"),
    ],
)
def test_wrong_words_are_refused_before_anything_starts(
    project: Path,
    arguments: list[str],
    status: int,
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(project)
    with pytest.raises(SystemExit) as caught:
        main(["test", *arguments])
    assert caught.value.code == status
    assert message in capsys.readouterr().err
    assert not (project / "report").exists()
