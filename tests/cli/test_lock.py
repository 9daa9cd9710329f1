from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bindery.cli.main import run

CHANNEL = Path(__file__).parents[1] / "environments" / "data" / "channel"
SPEC = "channels: [conda-forge]\nplatforms: [linux-64]\ndependencies: [python=3.12, 'xarray{}']\n"
MIRROR = ("--channel-mirror", f"conda-forge={CHANNEL}")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the environment ``ocean`` of a project, which is the working folder."""
    folder = tmp_path / "environments" / "ocean"
    folder.mkdir(parents=True)
    (tmp_path / "bindery.toml").touch()
    (folder / "environment.yml").write_text(SPEC.format("<2025.7"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BINDERY_STORE", str(tmp_path / "store"))
    return folder


def test_lock_is_written_checked_and_compared(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lock = project / "conda-lock.yml"
    assert run(["lock", "ocean", *MIRROR]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[-1].startswith(f"wrote {lock}: ")
    assert run(["check"]) == 0
    assert "ocean: lock of" in capsys.readouterr().out
    before = lock.read_bytes()

    (project / "environment.yml").write_text(SPEC.format(""), encoding="utf-8")
    assert run(["check", "ocean"]) == 1
    captured = capsys.readouterr()
    assert captured.out == (
        f"ocean: {lock}: was solved for another spec than environment.yml is now, on linux-64\n"
        "  fix: bindery lock ocean --keep, or without --keep to have the newest of everything\n"
    )
    assert captured.err == "error: 1 of 1 environments are not as they should be\n"

    assert run(["lock", "ocean", *MIRROR, "--update", "xarray", "--check", "--quiet"]) == 1
    captured = capsys.readouterr()
    name, kind, old, new, platforms = captured.out.rstrip("\n").split("\t")
    assert (name, kind, platforms) == ("xarray", "upgraded", "")
    assert captured.err == f"error: {lock}: a new solve changes 1 packages\n"
    assert lock.read_bytes() == before

    copy = project / "old.yml"
    copy.write_bytes(before)
    assert run(["lock", "ocean", *MIRROR, "--update", "xarray", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    (document,) = answer["environments"]
    assert (answer["schema"], document["written"]) == (1, True)
    assert [change["after"]["version"] for change in document["changes"]] == [new]

    assert run(["diff", str(copy), "ocean", "--exit-code"]) == 1
    assert capsys.readouterr().out == f"xarray\tupgraded\t{old}\t{new}\t\n"
    assert run(["diff", str(copy), "ocean", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["changes"] == document["changes"]
    assert run(["diff", "ocean", "ocean", "--exit-code"]) == 0


def test_dry_run_writes_nothing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lock", "ocean", *MIRROR, "--dry-run"]) == 0
    assert "would write" in capsys.readouterr().err
    assert not (project / "conda-lock.yml").exists()


def test_check_as_json(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "--json"]) == 1
    (found,) = json.loads(capsys.readouterr().out)["environments"]
    assert found["findings"] == [
        {"where": str(project / "conda-lock.yml"), "what": "there is no lock", "fix": "bindery lock ocean"}
    ]


def test_unsolvable_spec_leaves_the_old_lock(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "conda-lock.yml").write_text("old", encoding="utf-8")
    (project / "environment.yml").write_text(SPEC.format("=1.0"), encoding="utf-8")
    assert run(["lock", "ocean", *MIRROR, "--quiet"]) == 3
    assert capsys.readouterr().err == (
        f"error: {project / 'environment.yml'}: cannot be solved for linux-64\n"
        "  | No candidates were found for xarray 1.0.*.\n"
        "  fix: relax one of the versions named above\n"
    )
    assert (project / "conda-lock.yml").read_text(encoding="utf-8") == "old"


@pytest.mark.parametrize(("option", "form"), [("--channel-mirror", "NAME=PLACE"), ("--metadata", "NAME=VALUE")])
def test_pairs_need_both_sides(project: Path, option: str, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    del project
    assert run(["lock", "ocean", option, "conda-forge="]) == 2
    assert f"'conda-forge=' is not {form}" in capsys.readouterr().err


def test_killed_lock_leaves_the_old_one_and_the_next_run_is_the_same(project: Path) -> None:
    lock = project / "conda-lock.yml"
    command = [sys.executable, "-m", "bindery", "lock", "ocean", *MIRROR, "--quiet"]
    subprocess.run(command, check=True)
    expected = lock.read_bytes()
    lock.write_bytes(b"# the old lock\n")
    for delay_s in (0.1, 0.5, 0.9):
        running = subprocess.Popen(command, start_new_session=True)
        time.sleep(delay_s)
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        assert lock.read_bytes() in {b"# the old lock\n", expected}
    subprocess.run(command, check=True)
    assert lock.read_bytes() == expected


def test_the_smallest_change_is_shown_with_its_reasons(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lock = project / "conda-lock.yml"
    assert run(["lock", "ocean", *MIRROR]) == 0
    before = ((project / "environment.yml").read_bytes(), lock.read_bytes())
    capsys.readouterr()

    assert run(["lock", "ocean", *MIRROR, "--keep"]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[-1].startswith(f"{lock} is as it was: ")

    assert run(["lock", "ocean", *MIRROR, "--add", "partd"]) == 0
    captured = capsys.readouterr()
    assert [line.split("\t")[:2] for line in captured.out.splitlines()] == [
        ["partd", "added"],
        ["locket", "added"],
        ["toolz", "added"],
    ]
    assert captured.err.splitlines()[-3:-1] == [
        "locket came: partd 1.4.2 needs locket",
        "toolz came: partd 1.4.2 needs toolz",
    ]
    assert (project / "environment.yml").read_text(encoding="utf-8").endswith(", 'xarray<2025.7', partd]\n")
    assert run(["check", "ocean"]) == 0
    capsys.readouterr()

    assert run(["lock", "ocean", *MIRROR, "--remove", "partd", "--json"]) == 0
    (document,) = json.loads(capsys.readouterr().out)["environments"]
    assert document["reasons"]["partd"] == {"linux-64": "asked for"}
    assert document["reasons"]["toolz"] == {"linux-64": "nothing needs it any more"}
    assert ((project / "environment.yml").read_bytes(), lock.read_bytes()) == before


def test_what_is_needed_all_the_same_stays(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lock", "ocean", *MIRROR]) == 0
    assert run(["lock", "ocean", *MIRROR, "--add", "numpy", "--quiet"]) == 0
    capsys.readouterr()
    assert run(["lock", "ocean", *MIRROR, "--remove", "numpy"]) == 0
    assert "\nnumpy stays: pandas needs it\n" in "\n" + capsys.readouterr().err
    assert run(["lock", "ocean", *MIRROR, "--remove", "numpy"]) == 3
    assert capsys.readouterr().err.endswith(f"error: {project / 'environment.yml'}: does not ask for numpy\n")


def test_without_a_name_every_lock_is_made_anew_the_lower_ones_first(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    atoll = project.parent / "atoll"
    atoll.mkdir()
    (project.parent.parent / "bindery.toml").write_text('[environments.atoll]\nextends = ["ocean"]\n', encoding="utf-8")
    (atoll / "environment.yml").write_text(SPEC.format("").replace("xarray", "partd"), encoding="utf-8")
    assert run(["lock", *MIRROR]) == 2
    assert capsys.readouterr().err == "error: there is no lock to make anew: name an ENVIRONMENT\n"
    assert run(["lock", "atoll", "ocean", *MIRROR, "--quiet"]) == 0
    before = (atoll / "conda-lock.yml").read_bytes()
    (project / "environment.yml").write_text(SPEC.format(""), encoding="utf-8")
    capsys.readouterr()

    assert run(["lock", *MIRROR, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [one["environment"] for one in answer["environments"]] == ["ocean", "atoll"]
    assert (atoll / "conda-lock.yml").read_bytes() != before
    assert run(["check"]) == 0
    assert run(["lock", *MIRROR, "--check", "--quiet"]) == 0
    capsys.readouterr()

    assert run(["lock", *MIRROR, "--add", "zarr"]) == 2
    assert capsys.readouterr().err == "error: --add and --remove are for one environment\n"
