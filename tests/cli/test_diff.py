from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from bindery.cli.main import run

if TYPE_CHECKING:
    from pathlib import Path

HEAD = """\
version: 1
metadata:
  content_hash: {linux-64: x, osx-64: y}
  channels: [{url: conda-forge, used_env_vars: []}]
  platforms: [linux-64, osx-64]
  sources: [environment.yml]
package:
"""
URL = "https://conda.anaconda.org/conda-forge/noarch"


def write_lock(path: Path, *packages: tuple[str, str, str, str]) -> str:
    """Write a lock of (name, platform, version, what it needs)."""
    text = HEAD
    for name, platform, version, needs in packages:
        needed = f"\n    {needs}: '>=1'" if needs else " {}"
        text += (
            f"- name: {name}\n  version: '{version}'\n  manager: conda\n  platform: {platform}\n"
            f"  dependencies:{needed}\n  url: {URL}/{name}-{version}-0.conda\n"
            f"  hash:\n    md5: {'a' * 32}\n    sha256: {version.replace('.', '').rjust(64, 'a')}\n"
            "  category: main\n  optional: false\n"
        )
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Return two locks in a folder that is no project."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "environment.yml").write_text("dependencies: [zarr]\n", encoding="utf-8")
    before = write_lock(tmp_path / "old.yml", ("numpy", "linux-64", "1.9", ""), ("numpy", "osx-64", "1.9", ""))
    after = write_lock(
        tmp_path / "new.yml",
        ("_lib_c", "osx-64", "1.0", ""),
        ("numpy", "linux-64", "1.10", ""),
        ("numpy", "osx-64", "1.10", ""),
        ("zarr", "linux-64", "3.1", "numpy"),
        ("zarr", "osx-64", "3.1", "numpy"),
    )
    return before.rpartition("/")[2], after.rpartition("/")[2]


def test_rows_between_tabs_in_a_pipe(pair: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diff", *pair]) == 0
    captured = capsys.readouterr()
    assert captured.out == ("zarr\tadded\t-\t3.1\t\n_lib_c\tadded\t-\t1.0\tosx-64\nnumpy\tupgraded\t1.9\t1.10\t\n")
    assert captured.err == "2 added, 1 upgraded\n"
    assert run(["diff", *reversed(pair), "--exit-code"]) == 1
    captured = capsys.readouterr()
    assert "numpy\tdowngraded\t1.10\t1.9\t\n" in captured.out
    assert captured.err == "2 removed, 1 downgraded\nerror: new.yml, old.yml: 3 packages differ\n"
    assert run(["diff", pair[0], pair[0], "--exit-code"]) == 0
    assert capsys.readouterr() == ("", "nothing changed\n")


def test_markdown(pair: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diff", *pair, "--markdown"]) == 0
    assert capsys.readouterr().out == (
        "2 added, 1 upgraded\n\n"
        "| package | change | before | after | only on |\n"
        "| --- | --- | --- | --- | --- |\n"
        "| **zarr** | added | - | 3.1 |  |\n"
        "| \\_lib\\_c | added | - | 1.0 | osx-64 |\n"
        "| numpy | upgraded | 1.9 | 1.10 |  |\n"
    )
    assert run(["diff", pair[0], pair[0], "--markdown"]) == 0
    assert capsys.readouterr().out == "nothing changed\n\n"


def test_why_shows_the_chains(pair: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diff", *pair, "--why", "numpy"]) == 0
    assert capsys.readouterr().out == (
        "old.yml\tlinux-64, osx-64\tnumpy 1.9\nnew.yml\tlinux-64, osx-64\tzarr 3.1 (new) → numpy 1.10 (>=1; was 1.9)\n"
    )


def test_json_has_everything(pair: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diff", *pair, "--json", "--why", "zarr"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["schema"], document["before"], document["after"]) == (1, "old.yml", "new.yml")
    assert document["not_on_pypi"] == []
    assert document["changes"][0] == {
        "name": "zarr",
        "manager": "conda",
        "kind": "added",
        "direct": True,
        "before": None,
        "after": {"version": "3.1", "build": ""},
        "platforms": ["linux-64", "osx-64"],
    }
    platforms = ["linux-64", "osx-64"]
    assert document["why"] == [
        {"in": "old.yml", "platforms": platforms, "chains": []},
        {"in": "new.yml", "platforms": platforms, "chains": [["zarr 3.1 (new)"]]},
    ]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--markdown", "--json"], "--markdown and --json are two forms of the same answer\n  fix: give one of them"),
        (["--markdown", "--why", "zarr"], "--why has no form in Markdown\n  fix: leave out --markdown"),
    ],
)
def test_forms_that_do_not_go_together(
    pair: tuple[str, str], options: list[str], error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["diff", *pair, *options]) == 2
    assert capsys.readouterr().err == f"error: {error}\n"


def test_pins_and_lock_of_this_repository(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diff", "environments/pangeo/wheels-3.12.txt", "pangeo"]) == 0
    captured = capsys.readouterr()
    assert "\nlibnetcdf\t" not in captured.out
    assert "are only conda's, for PyPI has no such thing (_libgcc_mutex, _openmp_mutex, aom, …)" in captured.err


def test_table_on_a_terminal(pair: tuple[str, str], tmp_path: Path) -> None:
    leader, follower = pty.openpty()
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "80", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "bindery", "diff", *pair]
    subprocess.run(command, cwd=tmp_path, env=env, stdout=follower, stderr=subprocess.DEVNULL, check=True)
    os.close(follower)
    shown = os.read(leader, 1 << 16).decode()
    os.close(leader)
    assert "package" in shown.splitlines()[0]
    assert "\x1b[1mzarr" in shown
    assert "\t" not in shown
