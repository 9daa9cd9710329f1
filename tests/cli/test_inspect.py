from __future__ import annotations

import json
from pathlib import Path

import pytest

from bindery.cli.main import run


@pytest.fixture(autouse=True)
def _store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BINDERY_STORE", str(tmp_path / "store"))
    monkeypatch.chdir(Path(__file__).parents[2])


def test_lock_in_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", "pangeo"]) == 0
    captured = capsys.readouterr()
    rows = [line.split("\t") for line in captured.out.splitlines()]
    assert [row[0] for row in rows] == ["linux-64", "linux-aarch64", "osx-64", "osx-arm64"]
    assert all(row[3:] == ["0", f"main {row[1]}", "not known", "not known", "not known"] for row in rows)
    assert captured.err.startswith("channels: conda-forge; asked for by name: ")


def test_everything_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", "pangeo@2025.08.14", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["schema"], document["label"], document["channels"]) == (1, "pangeo@2025.08.14", ["conda-forge"])
    assert sum(one["packages"] for one in document["platforms"]) == len(document["packages"])
    (xarray,) = {
        (one["version"], one["direct"], one["licence"]) for one in document["packages"] if one["name"] == "xarray"
    }
    assert xarray == ("2025.7.1", True, None)


def test_tree_of_one_package_and_of_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", "pangeo", "--tree", "zarr", "--depth", "1", "--platform", "linux-64"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "zarr 3.1.1"
    assert "  numpy 2.2.6  >=1.25" in lines
    assert run(["inspect", "pangeo", "--platform", "osx-64", "--tree"]) == 0
    assert "xarray 2025.7.1" in capsys.readouterr().out.splitlines()
    assert run(["inspect", "pangeo", "--platform", "osx-64", "--tree", "--json"]) == 0
    tree = json.loads(capsys.readouterr().out)["tree"]
    assert "xarray" in {line["name"] for line in tree if line["depth"] == 0}
    assert {line["depth"] for line in tree} == {0, 1}


def test_what_needs_a_package(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["inspect", "pangeo", "--needed-by", "zarr", "--platform", "linux-64"]
    assert run(words) == 0
    assert capsys.readouterr() == (
        "intake-xarray\t2.0.0\t\n",
        "zarr 3.1.1: needed by 1; the spec asks for it by name\n",
    )
    assert run([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "schema": 1,
        "name": "zarr",
        "direct": True,
        "needed_by": [{"name": "intake-xarray", "version": "2.0.0", "wanted": ""}],
    }


@pytest.mark.parametrize(
    ("words", "status", "error"),
    [
        (
            ["pangeo", "--tree", "a", "--needed-by", "b"],
            2,
            "--tree and --needed-by look in opposite directions\n  fix: give one of them",
        ),
        (["pangeo", "--platform", "osx-64"], 2, "--platform is for --tree and --needed-by\n  fix: leave it out"),
        (
            ["pangeo", "--tree", "--platform", "win-64"],
            3,
            "pangeo: is not locked for win-64, only for linux-64, linux-aarch64, osx-64, osx-arm64",
        ),
        (
            ["pangeo", "--needed-by", "nothing", "--platform", "osx-64"],
            3,
            "pangeo: has no package nothing for osx-64",
        ),
        (
            ["environments/pangeo/wheels-3.12.txt"],
            3,
            "environments/pangeo/wheels-3.12.txt: is a list of pins of wheels, and a lock is asked for",
        ),
    ],
)
def test_wrong_uses(words: list[str], status: int, error: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", *words]) == status
    assert capsys.readouterr().err == f"error: {error}\n"
