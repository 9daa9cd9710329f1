from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bindery.cli.main import run

if TYPE_CHECKING:
    from bindery.core import Json

CHANNEL = Path(__file__).parents[1] / "environments" / "data" / "channel"
MIRROR = ("--channel-mirror", f"conda-forge={CHANNEL}")
SPEC = "channels: [conda-forge]\nplatforms: [linux-64]\ndependencies: [python=3.12, {}]\n"
PIP = """\
- name: ocean
  version: '1'
  manager: pip
  platform: linux-64
  dependencies: {}
  url: https://example.org/ocean-1-py3-none-any.whl
  hash:
    sha256: 0000000000000000000000000000000000000000000000000000000000000abc
  category: main
  optional: false
"""


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """Return the lock of the environment ``ocean`` of a project, which is the working folder."""
    folder = tmp_path / "environments" / "ocean"
    folder.mkdir(parents=True)
    (tmp_path / "bindery.toml").touch()
    (folder / "environment.yml").write_text(SPEC.format("xarray"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BINDERY_STORE", str(tmp_path / "store"))
    assert run(["lock", "ocean", *MIRROR]) == 0
    capsys.readouterr()
    return folder / "conda-lock.yml"


def write_records(folder: Path, fixed: str, *versions: str) -> str:
    """Return the path of an advisory about all that is older, and these versions."""
    affected = {
        "package": {"ecosystem": "PyPI", "name": "Xarray"},
        "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}],
        "versions": list(versions),
    }
    record = {"id": "GHSA-1", "aliases": ["CVE-1"], "summary": "It forgets.", "affected": [affected]}
    path = folder / "osv.json"
    path.write_text(json.dumps(record), encoding="utf-8")
    return str(path)


def test_advisories(lock: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "--advisories", write_records(tmp_path, "2099.1")]) == 1
    captured = capsys.readouterr()
    first, second = captured.out.splitlines()
    assert first.startswith(f"ocean: {lock}: xarray 2025.")
    assert first.endswith(" is affected by GHSA-1 (CVE-1): It forgets.")
    assert second == (
        "  fix: xarray 2099.1 or newer leaves them, as they say; whether the channels have it was not looked up: "
        "bindery lock ocean --update xarray"
    )
    assert captured.err == "error: 1 of 1 environments are not as they should be\n"
    assert affected_as_json("2099.1", tmp_path, capsys) == {
        "name": "xarray",
        "manager": "conda",
        "version": first.split("xarray ")[1].split()[0],
        "platforms": ["linux-64"],
        "advisories": ["GHSA-1"],
        "undecided": [],
        "update": "2099.1",
        "update_known_from": "advisories",
        "update_fits": None,
    }
    assert run(["check", "--advisories", write_records(tmp_path, "0.1")]) == 0
    assert capsys.readouterr().out.endswith("; none of 1 advisories is about a package of it\n")


def affected_as_json(fixed: str, folder: Path, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Json]:
    """Return what JSON says of the one affected package."""
    assert run(["check", "--advisories", write_records(folder, fixed), "--json", *options]) == 1
    (found,) = json.loads(capsys.readouterr().out)["environments"]
    (one,) = found["affected"]
    assert isinstance(one, dict)
    return one


def fix_of(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Return what the check's last finding says that can be done."""
    capsys.readouterr()
    assert run(words) == 1
    return [line for line in capsys.readouterr().out.splitlines() if line.startswith("  fix: ")][-1].removeprefix(
        "  fix: "
    )


@pytest.fixture
def old_lock(lock: Path) -> Path:
    """Return a lock that has an older xarray than its spec lets it have."""
    spec = lock.with_name("environment.yml")
    spec.write_text(SPEC.format("xarray<2025.4"), encoding="utf-8")
    assert run(["lock", "ocean", *MIRROR, "--quiet"]) == 0
    spec.write_text(SPEC.format("xarray"), encoding="utf-8")
    assert run(["lock", "ocean", *MIRROR, "--quiet", "--keep"]) == 0
    assert "/xarray-2025.3.1-" in lock.read_text(encoding="utf-8")
    return lock


def test_the_smallest_update_is_one_that_the_channels_have_and_that_can_be_solved(
    old_lock: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["check", "--advisories", write_records(tmp_path, "2025.5.0"), *MIRROR]
    assert fix_of(words, capsys) == (
        "xarray 2025.7.0 is the smallest update that leaves them and can be solved: "
        "bindery lock ocean --update xarray=2025.7.0"
    )
    one = affected_as_json("2025.5.0", tmp_path, capsys, *MIRROR)
    assert (one["update"], one["update_known_from"], one["update_fits"]) == ("2025.7.0", "channels", True)
    assert run(["lock", "ocean", "--update", "xarray=2025.7.0", *MIRROR, "--quiet"]) == 0
    assert "/xarray-2025.7.0-" in old_lock.read_text(encoding="utf-8")
    assert run(["check", "--advisories", write_records(tmp_path, "2025.5.0"), *MIRROR]) == 0


def test_an_update_that_an_advisory_names_is_passed_over(
    old_lock: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del old_lock
    words = ["check", "--advisories", write_records(tmp_path, "2025.5.0", "2025.7.0"), *MIRROR]
    assert "xarray 2025.7.1 is the smallest update" in fix_of(words, capsys)


def test_channels_that_have_no_update(old_lock: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    del old_lock
    assert fix_of(["check", "--advisories", write_records(tmp_path, "2099.1"), *MIRROR], capsys) == (
        "the channels' records at hand have no newer xarray that is certainly not affected; read the advisories"
    )


def test_an_update_that_leaves_no_solution(old_lock: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old_lock.with_name("environment.yml").write_text(SPEC.format("xarray<2025.4"), encoding="utf-8")
    assert run(["lock", "ocean", *MIRROR, "--quiet"]) == 0
    assert fix_of(["check", "--advisories", write_records(tmp_path, "2025.3.2"), *MIRROR], capsys) == (
        "the spec leaves no solution with xarray 2025.4.0, 2025.7.0, 2025.7.1, the smallest that leave them: "
        "relax what it asks for"
    )


def test_without_a_spec_updates_are_not_tried(
    old_lock: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old_lock.with_name("environment.yml").unlink()
    assert fix_of(["check", "--advisories", write_records(tmp_path, "2025.5.0"), *MIRROR], capsys) == (
        "xarray 2025.7.0 is the smallest update that leaves them; whether it can be solved was not tried: "
        "bindery lock ocean --update xarray=2025.7.0"
    )


def test_packages_of_pip_are_not_looked_up(lock: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with lock.open("a", encoding="utf-8") as file:
        file.write(PIP)
    path = write_records(tmp_path, "1.1")
    Path(path).write_text(Path(path).read_text(encoding="utf-8").replace("Xarray", "Ocean"), encoding="utf-8")
    assert fix_of(["check", "--advisories", path, *MIRROR], capsys) == (
        "ocean 1.1 or newer leaves them, as they say; whether pip's index has it was not looked up: "
        "bindery lock ocean --update ocean"
    )


def test_advisories_that_say_nothing_of_an_update(
    lock: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_records(tmp_path, "§")
    assert run(["check", "--advisories", path]) == 1
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(f"ocean: {lock}: xarray 2025.")
    assert first.endswith(" cannot be placed in the ranges of GHSA-1 (CVE-1): It forgets.")
    assert second == "  fix: the advisories name no version of xarray that is not affected; read them"


def test_fresh_solve(lock: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "--solve", *MIRROR, "--quiet"]) == 0
    assert capsys.readouterr().out.endswith("; a fresh solve is the same\n")
    text = lock.read_text(encoding="utf-8")
    start = text.index("- name: xarray\n")
    lock.write_text(text[:start], encoding="utf-8")
    before = lock.read_bytes()
    assert run(["check", "--solve", *MIRROR, "--quiet"]) == 1
    captured = capsys.readouterr()
    first, second = captured.out.splitlines()
    assert first.startswith(f"ocean: {lock}: a fresh solve changes ")
    assert " packages: xarray" in first
    assert second == "  fix: bindery lock ocean --dry-run, to see them"
    assert lock.read_bytes() == before


def test_urls(lock: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    urls = [line.split()[1] for line in lock.read_text(encoding="utf-8").splitlines() if line.startswith("  url: ")]
    mirror = tmp_path / "mirror"
    for url in urls:
        path = mirror / "/".join(url.split("/")[-2:])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    words = ["check", "--urls", "--channel-mirror", f"conda-forge={mirror}"]
    assert run(words) == 0
    captured = capsys.readouterr()
    assert captured.out.endswith(f"; all {len(urls)} URLs answer\n")
    assert captured.err.startswith(f"Asking for packages: {len(urls)} of {len(urls)} packages, ")
    gone = next(path for path in mirror.glob("noarch/xarray-*"))
    gone.unlink()
    assert run([*words, "--quiet"]) == 1
    name, version, _ = gone.name.split("-")
    assert capsys.readouterr().out == (
        f"ocean: https://conda.anaconda.org/conda-forge/noarch/{gone.name}: {name} {version}: is not in the mirror\n"
        "  fix: try again later; if it was removed: bindery lock ocean --update xarray\n"
    )


def test_pip_entries_are_said(lock: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lock.write_text(lock.read_text(encoding="utf-8") + PIP, encoding="utf-8")
    note = "1 of its packages are pip's, and conda's own plug-in conda-lockfiles refuses such locks"
    assert run(["check"]) == 0
    assert capsys.readouterr().out.splitlines()[1] == f"ocean: {note}"
    assert run(["check", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["environments"][0]["notes"] == [note]


def test_environment_without_a_lock_is_not_looked_at_deeply(
    lock: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock.unlink()
    assert run(["check", "--urls", "--advisories", write_records(tmp_path, "1")]) == 1
    assert capsys.readouterr().out == f"ocean: {lock}: there is no lock\n  fix: bindery lock ocean\n"
