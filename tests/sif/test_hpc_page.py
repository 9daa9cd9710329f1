"""docs/hpc.md and the notebook that it leads to: every command is one that there is."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from tests.command import take_command

from bindery.core import read_settings
from bindery.notebooks import collect_notebooks

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/hpc.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^bindery (.+?)(?:\s+#.*)?$|`bindery (test[^`]+)`", PAGE, re.MULTILINE)


@pytest.mark.parametrize("words", [first or second for first, second in COMMANDS])
def test_each_command_is_taken(words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bundle").mkdir()
    (tmp_path / "hpc.sif").touch()
    take_command(words)


def test_there_are_commands_for_every_step() -> None:
    steps = {shlex.split(first or second)[0] for first, second in COMMANDS}
    assert steps == {"build", "sif", "inspect", "verify", "push", "pull", "channel", "install", "site", "test"}


def test_the_notebook_is_left_out_until_it_is_named() -> None:
    settings = read_settings(ROOT)
    assert "hpc-jobqueue" not in {one.name for one in collect_notebooks(settings, ())}
    (found,) = collect_notebooks(settings, ["notebooks/hpc/hpc-jobqueue.ipynb"])
    assert found.name == "hpc-jobqueue"
