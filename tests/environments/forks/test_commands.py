"""``bindery fork`` and ``bindery rebase`` as somebody types them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bindery.cli.main import run
from bindery.environments import encode_lock, read_lock

if TYPE_CHECKING:
    from pathlib import Path


OLD, NEW = "2025.07.17", "2025.08.14"


def test_fork_and_rebase(root: Path, mirror: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    mine = root / "environments" / "mine"
    words = ("fork", f"sea@{OLD}", "mine", "--pin", "ipykernel>=6.30", "--remove", "line_profiler", *mirror)
    assert run([*words, "--dry-run"]) == 0
    captured = capsys.readouterr()
    assert captured.out == "ipykernel\tupgraded\t6.29.5\t6.30.1\t\nline_profiler\tremoved\t4.2.0\t-\t\n"
    assert captured.err.splitlines()[-1] == f"would write {mine}: a fork of sea@{OLD}"
    assert not mine.exists()
    assert run(list(words)) == 0
    captured = capsys.readouterr()
    assert "ipykernel is another: the spec asks for ipykernel >=6.30\n" in captured.err
    assert captured.err.splitlines()[-1] == f"wrote {mine}: a fork of sea@{OLD}"
    assert run(["check", "mine"]) == 0
    assert capsys.readouterr().out.startswith("mine: lock of ")

    assert run(["rebase", "mine", "--onto", f"sea@{OLD}", *mirror]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"wrote {mine}: it is a fork of sea@{OLD} already, nothing moves\n"

    assert run(["rebase", "mine", "--onto", f"sea@{NEW}", *mirror, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert {key: document[key] for key in ("schema", "written", "environment", "fork_of", "was_fork_of")} == {
        "schema": 1,
        "written": True,
        "environment": "mine",
        "fork_of": f"sea@{NEW}",
        "was_fork_of": f"sea@{OLD}",
    }
    assert document["idle"] == ["without line_profiler"]
    assert (document["given_up"], document["conflict"], document["departures"]) == ([], None, [])
    assert "tornado" in {change["name"] for change in document["moved"]}
    assert run(["check", "mine"]) == 0


def test_conflict_is_shown_and_nothing_written(
    root: Path, mirror: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["fork", f"sea@{OLD}", "mine", "--add", "s3fs<2025.6", *mirror, "--quiet"]) == 0
    before = {path: path.read_bytes() for path in (root / "environments" / "mine").iterdir()}
    capsys.readouterr()
    assert run(["rebase", "mine", "--onto", f"sea@{NEW}", *mirror]) == 1
    error = capsys.readouterr().err
    assert f"error: mine on sea@{NEW}: cannot be solved for " in error
    assert error.endswith(
        "the fewest lines to give up: s3fs<2025.6\n"
        f"  fix: bindery rebase mine --onto sea@{NEW} --give-up, or edit {root}/environments/mine/environment.yml\n"
    )
    assert {path: path.read_bytes() for path in (root / "environments" / "mine").iterdir()} == before
    assert run(["rebase", "mine", "--onto", f"sea@{NEW}", *mirror, "--give-up"]) == 0
    error = capsys.readouterr().err
    assert "upstream dropped line_profiler; it leaves\n" in error
    assert "given up: s3fs<2025.6\n" in error
    assert run(["check", "mine"]) == 0


@pytest.mark.usefixtures("root")
def test_fork_as_json(mirror: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fork", "sea", "mine", *mirror, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert {key: document[key] for key in ("schema", "written", "fork_of", "without", "departures", "reasons")} == {
        "schema": 1,
        "written": True,
        "fork_of": f"sea@{NEW}",
        "without": [],
        "departures": [],
        "reasons": {},
    }
    assert run(["fork", "sea", "ours", "--channel-mirror", "conda-forge"]) == 2
    assert "'conda-forge' is not NAME=PLACE" in capsys.readouterr().err


def test_lock_of_a_fork_is_its_parents(root: Path, mirror: tuple[str, str]) -> None:
    assert run(["fork", f"sea@{OLD}", "mine", *mirror, "--quiet"]) == 0
    path = root / "environments" / "mine" / "conda-lock.yml"
    before = encode_lock(read_lock(path)).partition("\npackage:\n")[2]
    assert run(["lock", "mine", *mirror, "--quiet"]) == 0
    assert encode_lock(read_lock(path)).partition("\npackage:\n")[2] == before
