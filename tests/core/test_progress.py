from __future__ import annotations

from typing import TYPE_CHECKING

from bindery.core import NoProgress, Progress

if TYPE_CHECKING:
    import pytest


def test_no_progress_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    progress: Progress = NoProgress()
    progress.say("making a prefix")
    with progress.task("packages", 2, "packages") as task, progress.task("bytes", None, "bytes") as inner:
        task.advance()
        inner.advance(10)
    assert capfd.readouterr() == ("", "")
