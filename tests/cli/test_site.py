"""``bindery site``, as it is typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.sif.sites.conftest import contents, make_sif, make_site  # noqa: F401 - fixtures

from bindery.cli.main import run

if TYPE_CHECKING:
    from tests.sif.sites.conftest import MakeSif, MakeSite

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_sites_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["site"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "hal\tpbs\t24\t8\t120GB\t01:00:00\tHAL, CNES (PBS)",
        "slurm\tslurm\t8\t4\t32GB\t01:00:00\ta cluster with Slurm",
    ]


def test_sites_are_listed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["site", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == 1
    assert [(one["name"], one["interface"], one["binds"]) for one in document["sites"]] == [
        ("hal", "ib0", ["/work"]),
        ("slurm", None, []),
    ]


def test_a_site_is_shown(make_site: MakeSite, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: F811
    more = "binds: [/a, /b]\nenviron: {X: '1'}\nsingularity: {options: [--nv]}\n"
    site = make_site("slurm", more)
    assert run(["site", str(site.path)]) == 0
    values = dict(line.split("\t") for line in capsys.readouterr().out.splitlines())
    shown = {key: values[key] for key in ("name", "queue", "binds", "environ", "singularity.options", "cores")}
    assert shown == {
        "name": "site",
        "queue": "-",
        "binds": "/a, /b",
        "environ": "X=1",
        "singularity.options": "--nv",
        "cores": "24",
    }
    assert run(["site", str(site.path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["site"]["environ"] == {"X": "1"}


@pytest.mark.testbed
def test_files_are_written_and_their_folder_is_printed(
    make_site: MakeSite,  # noqa: F811
    make_sif: MakeSif,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    site, sif = make_site("slurm"), make_sif()
    assert run(["site", str(site.path), "--sif", str(sif)]) == 0
    assert capsys.readouterr().out == f"{tmp_path}/site\n"
    assert run(["site", str(site.path), "--sif", str(sif), "-o", str(tmp_path / "x"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["folder"] == f"{tmp_path}/x"
    assert f"{tmp_path}/x/bin/python" in document["files"]


@pytest.mark.testbed
def test_stale_files_are_an_error_with_a_fix(
    make_site: MakeSite,  # noqa: F811
    make_sif: MakeSif,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    site, sif, folder = make_site("slurm"), make_sif(), tmp_path / "files"
    check = ["site", str(site.path), "--check", "-o", str(folder)]
    run(["site", str(site.path), "--sif", str(sif), "-o", str(folder)])
    capsys.readouterr()
    assert run(check) == 0
    assert capsys.readouterr() == ("", "")
    (folder / "bin/dask").unlink()
    fix = f"bindery site {site.path} --sif {sif} -o {folder}"
    assert run(check) == 1
    assert capsys.readouterr() == (
        "bin/dask\tis missing\n",
        f"error: {folder}: 1 file is stale\n  fix: {fix}\n",
    )
    (folder / "bin/python").unlink()
    assert run([*check, "--json"]) == 1
    document, error = capsys.readouterr()
    assert json.loads(document)["stale"] == [
        {"path": "bin/dask", "why": "is missing"},
        {"path": "bin/python", "why": "is missing"},
    ]
    assert error == f"error: {folder}: 2 files are stale\n  fix: {fix}\n"
    make_site("slurm", "title: new\n")
    assert run(check) == 1
    assert capsys.readouterr() == (
        f"{folder}\t{site.path} has changed since\n",
        f"error: {folder}: all of it is stale\n  fix: {fix}\n",
    )


def test_a_check_shows_what_fails_and_its_fix(
    make_site: MakeSite,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    site = make_site("slurm", "interface: lo\nsingularity: {command: 'true'}\n")
    check = ["site", str(site.path), "--check", "--quiet"]
    fixes = {
        "scratch": f"mkdir -p {tmp_path}/scratch, or correct scratch in {site.path}",
        "scheduler": f"call this on the machine where jobs are submitted, or correct scheduler in {site.path}",
    }
    assert run(check) == 1
    out, err = capsys.readouterr()
    rows = [line.split("\t") for line in out.splitlines()]
    assert [row[:2] for row in rows] == [
        ["values", "ok"],
        ["scratch", "fails"],
        ["interface", "ok"],
        ["scheduler", "fails"],
        ["singularity", "ok"],
    ]
    assert err == (
        f"error: scratch: {tmp_path}/scratch is not there\n  fix: {fixes['scratch']}\n"
        f"error: scheduler: there is no sbatch, squeue, scancel, sinfo on PATH\n  fix: {fixes['scheduler']}\n"
    )
    assert run([*check, "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert {one["name"]: one["fix"] for one in document["checks"] if not one["holds"]} == fixes


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--check"], "error: which site?\n  fix: bindery site NAME …; bindery site lists them\n"),
        (["slurm", "-o", "x"], "error: -o needs the SIF that the files are for\n  fix: --sif FILE, or --check\n"),
    ],
)
def test_wrong_use(capsys: pytest.CaptureFixture[str], words: list[str], expected: str) -> None:
    assert run(["site", *words]) == 2
    assert capsys.readouterr().err == expected
