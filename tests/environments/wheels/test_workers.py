from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from bindery.core import BadInput, ToolFailed
from bindery.environments.wheels.workers import core_count, map_processes


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the other processes import this module: ``python -m pytest`` does so, ``pytest`` does not."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[3]))


def _double(number: int) -> int:
    return 2 * number


def _refuse(number: int) -> int:
    raise BadInput(f"{number} is odd", "here", "take another")


def _die(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_every_piece_comes_back_with_its_result() -> None:
    assert dict(map_processes(_double, range(5), 2)) == {0: 0, 1: 2, 2: 4, 3: 6, 4: 8}
    assert core_count() >= 1


def test_nothing_to_do_starts_nothing() -> None:
    assert list(map_processes(_double, (), 2)) == []


def test_error_crosses_processes_whole() -> None:
    with pytest.raises(BadInput) as caught:
        list(map_processes(_refuse, (1, 3), 2))

    assert str(caught.value) in {"here: 1 is odd\n  fix: take another", "here: 3 is odd\n  fix: take another"}


def test_killed_process_is_said() -> None:
    with pytest.raises(ToolFailed) as caught:
        list(map_processes(_die, (1,), 1))

    assert str(caught.value) == (
        "a process that converts wheels ended with status -9\n"
        "  fix: it may have run out of memory: look into the system's log"
    )
