"""The README's table of releases is made from the releases, and its commands are such as there are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.command import take_command

from bindery.cli.main import GROUPS
from bindery.core import read_settings
from bindery.environments import list_environments, list_releases

if TYPE_CHECKING:
    from bindery.environments import Environment

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
TABLE = re.compile(r"(<!-- releases: [^\n]*-->\n)(.*?)(<!-- end of releases -->)", re.DOTALL)
COMMANDS = sorted(set(re.findall(r"`bindery ([^`]+)`", README.read_text(encoding="utf-8"))))


def describe(environment: Environment) -> list[str]:
    """Return a row for each release of the environment, the newest first."""
    rows = []
    for one in reversed(list_releases(environment)):
        pythons = sorted({lock.python or "none" for lock in one.release.locks})
        counts = sorted({lock.packages for lock in one.release.locks})
        packages = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else str(counts[0])
        notebooks = "not run"
        if one.release.notebooks is not None:
            passed = sum(notebook.verdict == "passed" for notebook in one.release.notebooks)
            notebooks = f"{passed} of {len(one.release.notebooks)}"
        version = f"{one.release.version} (withdrawn)" if one.entry.withdrawn else one.release.version
        rows.append(f"| {environment.name} | {version} | {', '.join(pythons)} | {packages} | {notebooks} |")
    return rows


def table() -> str:
    rows = [row for environment in list_environments(read_settings(ROOT)) for row in describe(environment)]
    head = ("| environment | release | Python | packages | notebooks passed |", "| --- | --- | --- | --- | --- |")
    return "\n".join(["", *head, *rows, "", ""])


def test_the_table_of_releases_is_what_was_released(*, update_golden: bool) -> None:
    text = README.read_text(encoding="utf-8")
    found = TABLE.search(text)
    assert found is not None
    if update_golden:
        README.write_text(text[: found.start(2)] + table() + text[found.end(2) :], encoding="utf-8")
        return
    assert found[2] == table()


@pytest.mark.parametrize("words", COMMANDS)
def test_each_command_is_taken(words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hpc.sif").touch()
    if " " in words:
        take_command(words)
    else:  # of some only the name is said
        assert words in {name for names in GROUPS.values() for name in names}
