from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.notebooks.report.conftest import Sample

from bindery.cli.main import run
from bindery.core import encode_json
from bindery.environments import read_lock
from bindery.notebooks.report import encode_results
from bindery.notebooks.results import CellResult, NotebookResult, Outcome

if TYPE_CHECKING:
    from bindery.core import Json

CHANNEL = Path(__file__).parents[1] / "environments" / "data" / "channel"
SPEC = "channels: [conda-forge]\nplatforms: [linux-64]\ndependencies: [python=3.12, 'xarray<2025.7']\n"


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return the lock of the environment ``ocean``."""
    root = tmp_path_factory.mktemp("locked")
    make_project(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("BINDERY_STORE", str(root / "store"))
        assert run(["lock", "ocean", "--channel-mirror", f"conda-forge={CHANNEL}"]) == 0
    return (root / "environments" / "ocean" / "conda-lock.yml").read_bytes()


def make_project(root: Path) -> Path:
    folder = root / "environments" / "ocean"
    folder.mkdir(parents=True)
    (root / "bindery.toml").touch()
    (folder / "environment.yml").write_text(SPEC, encoding="utf-8")
    return folder


@pytest.fixture
def ocean(tmp_path: Path, locked: bytes, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the locked environment ``ocean`` of a project, which is the working folder."""
    folder = make_project(tmp_path)
    (folder / "conda-lock.yml").write_bytes(locked)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BINDERY_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1795305600")  # 2026-11-22
    return folder


def release(*words: str) -> int:
    return run(["release", *words])


def results(ocean: Path, **changes: Json) -> Path:
    """Write the results of a run on the lock, with these fields changed, and return where they are."""
    cell = CellResult(
        index=1,
        source="1 + 1",
        outcome=Outcome.DIFFERS,
        compared=True,
        duration_s=0.1,
        message="",
        mismatches=(),
        reference_outputs=(),
        outputs=(),
    )

    def notebook(name: str, outcome: Outcome, *cells: CellResult) -> NotebookResult:
        return NotebookResult(
            name=name,
            path=Path(f"{name}.ipynb"),
            outcome=outcome,
            failure=None,
            message="",
            cells=cells,
            duration_s=1.0,
            metrics=None,
            executed=None,
        )

    run_of_all = Sample().run(
        notebook("waves", Outcome.DIFFERS, cell),
        notebook("empty", Outcome.PASSED),
        environment="ocean",
        release=None,
        packages="conda-forge",
        lock_digest=str(read_lock(ocean / "conda-lock.yml").digest("linux-64")),
    )
    document = encode_results(run_of_all)
    assert isinstance(document, dict)
    path = ocean.parent.parent / "results.json"
    path.write_bytes(encode_json({**document, **changes}))
    return path


def test_release_is_published_once(ocean: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = ocean / "releases" / "2026.11.22"
    assert release("ocean", "--packages", "conda-forge", "--dry-run") == 0
    captured = capsys.readouterr()
    assert captured.out == "ocean@2026.11.22\n"
    assert captured.err.splitlines()[-1] == f"would write {folder}"
    assert not folder.parent.exists()
    assert release("ocean", "--packages", "conda-forge") == 0
    captured = capsys.readouterr()
    assert captured.out == "ocean@2026.11.22\n"
    assert captured.err.splitlines()[0] == "Ocean 2026.11.22"
    assert captured.err.splitlines()[-1] == f"wrote {folder}"
    assert (folder / "conda-lock.yml").read_bytes() == (ocean / "conda-lock.yml").read_bytes()
    assert release("ocean", "--packages", "conda-forge") == 3
    assert capsys.readouterr().err.startswith(f"error: {folder}: is there already, and a release never changes\n")
    assert run(["check", "ocean"]) == 0
    (folder / "changes.md").write_text("Nothing happened.\n", encoding="utf-8")
    capsys.readouterr()
    assert run(["check", "ocean"]) == 1
    assert capsys.readouterr().out == (
        f"ocean: {folder / 'changes.md'}: the released file has changed\n  fix: git restore {folder}\n"
    )


def test_release_as_json(ocean: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("ocean", "--packages", "conda-forge", "--version", "2025.01.02", "--json")
    assert release(*words, "--notebooks", str(results(ocean))) == 0
    document = json.loads(capsys.readouterr().out)
    assert {key: document[key] for key in ("schema", "release", "written", "previous", "packages", "notebooks")} == {
        "schema": 1,
        "release": "ocean@2025.01.02",
        "written": True,
        "previous": None,
        "packages": "conda-forge",
        "notebooks": {
            "empty": {"verdict": "nothing compared", "packages": "conda-forge"},
            "waves": {"verdict": "differs", "packages": "conda-forge"},
        },
    }
    said = json.loads((ocean / "releases" / "2025.01.02" / "release.json").read_bytes())
    expected: Json = {
        "name": "waves",
        "verdict": "differs",
        "cells": 1,
        "differing": 1,
        "packages": "conda-forge",
        "platform": "linux-64",
        "python": "3.12.11",
    }
    assert said["notebooks"][1] == expected


PINS = f"dask==2025.7.0 --hash=sha256:{'1' * 64}\nnetcdf4==1.7.2 --hash=sha256:{'2' * 64}\n"


def test_run_on_the_substitute_is_marked(ocean: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (ocean / "wheels-3.11.txt").write_text(PINS, encoding="utf-8")
    ran_on: dict[str, Json] = {"dask": "2025.7.0", "netCDF4": "1.7.2"}
    path = results(ocean, packages="wheels", lock_digest="sha256:" + "0" * 64, python="3.11.7", versions=ran_on)
    assert release("ocean", "--packages", "conda-forge", "--notebooks", str(path)) == 0
    assert "waves: differs, 1 cells, on wheels, Python 3.11.7\n" in capsys.readouterr().err
    (ocean / "wheels-3.11.txt").unlink()  # a rebuild has the pins of its release
    assert release("ocean", "--rebuild", "--notebooks", str(path)) == 0
    assert capsys.readouterr().out == "ocean@2026.11.22-1\n"
    said = json.loads((ocean / "releases" / "2026.11.22-1" / "release.json").read_bytes())
    assert [one["packages"] for one in said["notebooks"]] == ["wheels", "wheels"]


@pytest.mark.parametrize(
    ("python", "versions", "what"),
    [
        ("3.12.1", {"dask": "2025.7.0"}, "is a run on wheels for Python 3.12, and ocean has no pins for that"),
        ("3.11.7", {}, "is a run on wheels, and does not say which"),
        (
            "3.11.7",
            {"dask": "2025.7.1", "netCDF4": "1.7.2", "zarr": "3.1"},
            "is a run on other wheels than ocean pins: dask 2025.7.1 (2025.7.0 is pinned), zarr 3.1 (not pinned)",
        ),
    ],
)
def test_run_on_other_wheels_is_refused(
    python: str, versions: dict[str, Json], what: str, ocean: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (ocean / "wheels-3.11.txt").write_text(PINS, encoding="utf-8")
    path = results(ocean, packages="wheels", lock_digest="sha256:" + "0" * 64, python=python, versions=versions)
    assert release("ocean", "--packages", "conda-forge", "--notebooks", str(path)) == 3
    assert capsys.readouterr().err == (
        f"error: {path}: {what}\n  fix: bindery test --environment ocean --packages wheels\n"
    )
    assert not (ocean / "releases").exists()


@pytest.mark.parametrize(
    ("changes", "what", "fix"),
    [
        ({"environment": "ice"}, "is a run in ice, not in ocean", ""),
        ({"packages": "as installed"}, "is a run in a folder of which no lock is known", ""),
        (
            {"lock_digest": "sha256:1"},
            "is a run on the lock sha256:1, and linux-64 of what is released is {digest}",
            " --packages conda-forge",
        ),
        (
            {"platform": "osx-64"},
            "is a run on the lock {digest}, and osx-64 of what is released is none",
            " --packages conda-forge",
        ),
    ],
)
def test_results_of_something_else_are_refused(
    changes: dict[str, Json], what: str, fix: str, ocean: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = results(ocean, **changes)
    digest = read_lock(ocean / "conda-lock.yml").digest("linux-64")
    assert release("ocean", "--packages", "conda-forge", "--notebooks", str(path)) == 3
    assert capsys.readouterr().err == (
        f"error: {path}: {what.format(digest=digest)}\n  fix: bindery test --environment ocean{fix}\n"
    )
    assert not (ocean / "releases").exists()


def test_results_that_are_not_json(ocean: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = ocean / "results.json"
    path.write_text("{", encoding="utf-8")
    assert release("ocean", "--packages", "conda-forge", "--notebooks", str(path)) == 3
    assert capsys.readouterr().err.startswith(f"error: {path}: is not JSON: ")


@pytest.mark.usefixtures("ocean")
def test_release_is_withdrawn_with_a_reason(capsys: pytest.CaptureFixture[str]) -> None:
    assert release("ocean", "--packages", "conda-forge", "--quiet") == 0
    assert release("ocean", "--rebuild", "--quiet") == 0
    assert capsys.readouterr().out == "ocean@2026.11.22\nocean@2026.11.22-1\n"
    assert (
        release("--withdraw", "ocean@2026.11.22", "--reason", "a wrong\nbase", "--instead", "ocean@2026.11.22-1") == 0
    )
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("ocean@2026.11.22\n", "ocean@2026.11.22 is withdrawn: a wrong base\n")
    assert release("--withdraw", "ocean@2026.11.22-1", "--reason", "another", "--json") == 0
    assert json.loads(capsys.readouterr().out)["withdrawn"] == {
        "date": "2026-11-22",
        "instead": None,
        "reason": "another",
    }
    assert run(["check", "ocean"]) == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("ocean",), "a release says where its packages come from\n  fix: add --packages conda-forge, or wheels"),
        (("ocean", "--reason", "x"), "--reason and --instead are for --withdraw"),
        (
            ("ocean@2026.11.22",),
            "ocean@2026.11.22 is a release already\n  fix: release ocean, or add --rebuild or --withdraw",
        ),
        (("ocean", "--rebuild", "--version", "2026.11.22"), "--rebuild does not take --version"),
        (("ocean", "--withdraw", "--packages", "wheels"), "--withdraw does not take --packages"),
        (("ocean", "--withdraw", "--dry-run"), "--withdraw takes neither --rebuild nor --dry-run"),
        (("ocean", "--packages", "conda-forge", "--python", "3.12"), "--packages conda-forge does not take --python"),
        (
            ("ocean", "--withdraw", "--reason", "x"),
            "name the release that is withdrawn\n  fix: bindery release --withdraw ocean@DATE",
        ),
        (
            ("ocean@2026.11.22", "--withdraw", "--reason", " "),
            "who installs a withdrawn release wants to know why\n  fix: add --reason TEXT",
        ),
    ],
)
def test_words_that_cannot_be_combined(
    words: tuple[str, ...], message: str, ocean: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert release(*words) == 2
    assert capsys.readouterr().err == f"error: {message}\n"
    assert not (ocean / "releases").exists()
