from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.notebooks.report.conftest import Sample

from bindery.cli.test_table import PlainObserver, TableObserver, make_observer
from bindery.notebooks.observer import NoObserver
from bindery.notebooks.results import CellResult, FailureClass, NotebookResult, Outcome

if TYPE_CHECKING:
    from bindery.notebooks.observer import Observer


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm-256color")


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def make_notebook(name: str, outcome: Outcome, *, compared: bool = True) -> NotebookResult:
    message = "" if outcome is Outcome.PASSED else "0.5 became [bold]0.7[/bold]\x1b[31m"
    cell = CellResult(
        index=6,
        source="",
        outcome=outcome,
        compared=compared,
        duration_s=0.1,
        message=message,
        mismatches=(),
        reference_outputs=(),
        outputs=(),
    )
    return NotebookResult(
        name=name,
        path=Path(name),
        outcome=outcome,
        failure=None if outcome is Outcome.PASSED else FailureClass.CODE,
        message="",
        cells=(cell,),
        duration_s=1.5,
        metrics=None,
        executed=None,
    )


def play(observer: Observer, *notebooks: NotebookResult) -> None:
    """Tell the observer a whole run."""
    observer.run_started([one.name for one in notebooks])
    for one in notebooks:
        observer.notebook_started(one.name, 3)
        observer.cell_done(one.name, 2, 3)
        observer.notebook_finished(one)
    observer.run_finished(Sample().run(*notebooks, duration_s=9.0), Path("report/index.html"))


def seen(stream: io.StringIO) -> list[str]:
    """Return the lines that stay on the terminal after the last time that the table was drawn."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue().rsplit("\x1b[2K", 1)[-1])
    return [" ".join(line.split()) for line in text.replace("\r", "").splitlines() if line.strip()]


def test_a_pipe_gets_a_line_per_event() -> None:
    stream = io.StringIO()
    play(PlainObserver(stream), make_notebook("a", Outcome.PASSED), make_notebook("b", Outcome.RAISED))
    assert stream.getvalue().splitlines() == [
        "running 2 notebooks: a, b",
        "a: running 3 cells",
        "a: 1 cell as referenced, 1.5 s",
        "b: running 3 cells",
        "b: raised an error (code), 1.5 s: cell 7: 0.5 became [bold]0.7[/bold]",
        "1 of 2 notebooks raised an error: b, cell 7 (9.0 s)",
        "report: report/index.html",
    ]


def test_a_terminal_keeps_the_table_and_the_verdict() -> None:
    stream = Terminal()
    observer = TableObserver(stream, colour=True)
    play(observer, make_notebook("a", Outcome.PASSED), make_notebook("b", Outcome.RAISED))
    assert seen(stream)[-4:] == [
        "✓ a 2/3 1.5 s as referenced",
        "✕ b 2/3 1.5 s raised (code): cell 7: 0.5 became [bold]0.7[/bold]",
        "1 of 2 notebooks raised an error: b, cell 7 (9.0 s)",
        "report: report/index.html",
    ]
    assert "\x1b[32m✓" in stream.getvalue()
    assert stream.getvalue().count("\x1b[?25l") == stream.getvalue().count("\x1b[?25h") == 1  # the cursor is back


def test_waiting_and_running_notebooks_are_shown() -> None:
    stream = Terminal()
    observer = TableObserver(stream, colour=True)
    observer.run_started(["first", "second"])
    observer.notebook_started("first", 14)
    observer.cell_done("first", 3, 14)
    observer.close()
    lines = seen(stream)
    assert re.fullmatch(r". first 3/14 \d+\.\d s running", lines[-2])
    assert lines[-1] == "· second waiting"
    observer.close()


def test_a_notebook_that_compared_nothing_has_no_tick() -> None:
    stream = Terminal()
    play(TableObserver(stream, colour=True), make_notebook("a", Outcome.PASSED, compared=False))
    assert "✕ a 2/3 1.5 s passed: no cell was compared with a reference" in seen(stream)
    assert "✓" not in stream.getvalue()


def test_no_color_means_no_colour() -> None:
    stream = Terminal()
    play(make_observer(quiet=False, stream=stream, environ={"NO_COLOR": "1"}), make_notebook("a", Outcome.DIFFERS))
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", stream.getvalue())


@pytest.mark.parametrize(
    ("quiet", "stream", "environ", "kind"),
    [
        (True, Terminal(), {}, NoObserver),
        (False, io.StringIO(), {}, PlainObserver),
        (False, Terminal(), {"TERM": "dumb"}, PlainObserver),
        (False, Terminal(), {"TERM": "xterm"}, TableObserver),
    ],
)
def test_the_display_fits_the_stream(
    *, quiet: bool, stream: io.StringIO, environ: dict[str, str], kind: type[Observer]
) -> None:
    assert type(make_observer(quiet=quiet, stream=stream, environ=environ)) is kind


def test_stderr_is_what_is_meant(capsys: pytest.CaptureFixture[str]) -> None:
    observer = make_observer(quiet=False)
    play(observer, make_notebook("a", Outcome.PASSED))
    captured = capsys.readouterr()
    assert not captured.out
    assert captured.err.startswith("running 1 notebook: a\n")


def test_nobody_is_told_when_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    play(make_observer(quiet=True), make_notebook("a", Outcome.RAISED))
    assert capsys.readouterr() == ("", "")


def test_an_interrupted_run_gives_the_cursor_back() -> None:
    program = """
import sys
from bindery.cli.test_table import TableObserver
TableObserver(sys.stdout, colour=True).run_started(["a"])
raise KeyboardInterrupt
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.returncode != 0
    assert ended.stdout.count("\x1b[?25l") == ended.stdout.count("\x1b[?25h") == 1
