"""The installer of the testbed, with programs on PATH that stand for dpkg and apt."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SPEC = importlib.util.spec_from_file_location("testbed_install", HERE / "install.py")
assert SPEC is not None
assert SPEC.loader is not None
install = importlib.util.module_from_spec(SPEC)
sys.modules[SPEC.name] = install
SPEC.loader.exec_module(install)
PACKAGES = install.parse_packages((HERE / "packages.txt").read_text(encoding="utf-8"))
OTHER = [one.name for one in PACKAGES if one.suite not in {"any", "own"}]
"""What comes from other suites than the machine's own."""
OWN = [one.name for one in PACKAGES if one.suite == "own"]
"""What comes from its own suite, and would start services, or is in the way of something else."""


def make_program(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)


def run_install(folder: Path, *, euid: int) -> subprocess.CompletedProcess[str]:
    """Run the installer as if it were run by that user, with only our programs on PATH."""
    script = str(HERE / "install.py")
    code = f"import os, runpy; os.geteuid = lambda: {euid}; runpy.run_path({script!r}, run_name='__main__')"
    return subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": str(folder), "XDG_CACHE_HOME": str(folder.parent / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_list_gives_a_suite_and_a_reason_for_every_package() -> None:
    assert {"any", "own", "sid", "trixie"} == {one.suite for one in PACKAGES}
    assert len({one.name for one in PACKAGES}) == len(PACKAGES)


def test_a_line_without_a_reason_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^line 2: a package needs a suite and a reason$"):
        install.parse_packages("# head\nchromium any\n")


def test_an_ordinary_user_is_shown_the_one_line_and_exit_4(tmp_path: Path) -> None:
    make_program(tmp_path / "bin", "dpkg-query", "exit 1")
    done = run_install(tmp_path / "bin", euid=1000)
    names = [one.name for one in PACKAGES if one.suite == "any"]
    command = f"apt-get install --yes --no-install-recommends {' '.join(names)}"
    assert done.stderr == f"  sudo sh -c 'apt-get update && {command}'\n"
    assert done.returncode == 4


def make_apt(folder: Path) -> Path:
    """Make an apt-get that says in a file how it was called, and a dpkg-deb that unpacks what it downloaded."""
    log = folder.parent / "log"
    indexes = "Other Other https://other.invalid/\nDebian Debian https://mirror.invalid/debian/"
    make_program(
        folder,
        "apt-get",
        f"""echo "$DEBIAN_FRONTEND $*" >> {log}
case $1 in
  indextargets) echo '{indexes}' ;;
  update) [ -z "$APT_CONFIG" ] || {{ read -r line < "${{APT_CONFIG%/*}}/sources.list"; echo "$line" >> {log}; }} ;;
  download) echo "$2" > "$2.deb" ;;
esac""",
    )
    make_program(folder, "dpkg-deb", 'while read -r line; do echo "$line" > "$3/name"; done < "$2"')
    return log


def test_root_installs_only_what_is_missing(tmp_path: Path) -> None:
    make_program(tmp_path / "bin", "dpkg-query", "exit 1")
    log = make_apt(tmp_path / "bin")
    assert run_install(tmp_path / "bin", euid=0).returncode == 0
    first, second, *_ = log.read_text(encoding="utf-8").splitlines()
    assert first == "noninteractive update"
    assert second.startswith("noninteractive install --yes --no-install-recommends chromium")
    assert not {*OTHER, *OWN} & set(second.split())


def test_a_package_of_another_suite_or_with_a_service_is_unpacked_for_the_tests_alone(tmp_path: Path) -> None:
    make_program(tmp_path / "bin", "dpkg-query", "printf installed")
    log = make_apt(tmp_path / "bin")
    assert run_install(tmp_path / "bin", euid=0).returncode == 0
    fetched = tmp_path / "cache" / "bindery-testbed"
    assert (fetched / "docker-buildx" / "name").read_text(encoding="utf-8") == "docker-buildx\n"
    assert sorted(path.name for path in fetched.iterdir()) == sorted((*OTHER, *OWN))
    keys = "/usr/share/keyrings/debian-archive-keyring.gpg"
    said = log.read_text(encoding="utf-8").splitlines()
    assert said[0] == "noninteractive update"
    assert said[1:5] == [
        "noninteractive indextargets --format $(ORIGIN) $(LABEL) $(REPO_URI) Created-By: Packages",
        "noninteractive update",
        f"deb [signed-by={keys}] https://mirror.invalid/debian/ trixie main",
        "noninteractive download docker-buildx",
    ]
    assert len(said) == 1 + 4 * len(OTHER) + len(OWN)
    assert {f"noninteractive download {name}" for name in (*OTHER, *OWN)} <= {*said}
    log.unlink()
    assert run_install(tmp_path / "bin", euid=0).returncode == 0
    assert not log.exists()


def test_a_machine_whose_sources_are_not_debian_is_told_so(tmp_path: Path) -> None:
    make_program(tmp_path / "bin", "dpkg-query", "printf installed")
    make_program(tmp_path / "bin", "apt-get", "echo Ubuntu Ubuntu https://other.invalid/")
    done = run_install(tmp_path / "bin", euid=0)
    assert done.returncode == 4
    assert done.stderr == "error: none of this machine's sources is an archive of Debian, which has docker-buildx\n"
    assert not any((tmp_path / "cache" / "bindery-testbed").iterdir())


@pytest.mark.parametrize("euid", [0, 1000])
def test_nothing_is_called_when_everything_is_there(tmp_path: Path, euid: int) -> None:
    make_program(tmp_path / "bin", "dpkg-query", "printf installed")
    for name in (*OTHER, *OWN):
        (tmp_path / "cache" / "bindery-testbed" / name).mkdir(parents=True)
    done = run_install(tmp_path / "bin", euid=euid)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_failure_of_apt_shows_what_it_said(tmp_path: Path) -> None:
    make_program(tmp_path / "bin", "dpkg-query", "exit 1")
    make_program(tmp_path / "bin", "apt-get", "echo no network; exit 100")
    done = run_install(tmp_path / "bin", euid=0)
    assert done.returncode == 4
    assert done.stderr == "no network\n\nerror: apt-get update ended with status 100\n"


def test_a_machine_without_dpkg_is_told_what_is_needed(tmp_path: Path) -> None:
    done = run_install(tmp_path, euid=0)
    assert done.returncode == 4
    assert (
        "these packages come from Debian or Ubuntu, and there is no dpkg here:\n  chromium: the report" in done.stderr
    )
