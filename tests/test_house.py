"""What holds the house: small files, imports one way, nothing of one machine in it, everything in the wheel."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROGRAM = ROOT / "builder" / "bindery"
DESIGN = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
LONGEST = 400
# The patterns are put together here so that this file does not hold what it looks for.
REGISTRIES = ("py" + "pi.org", "python" + "hosted", "deb." + "debian.org", "npm" + "js")
MACHINES = ("/wo" + "rk/(main|shared)", "/ro" + "ot/", "/tm" + "p/(dev|v)/", r"/home/(?!me|jovyan\b)\w")
FORBIDDEN = re.compile("|".join([*map(re.escape, REGISTRIES), *MACHINES]))


def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def read_text(path: Path) -> str | None:
    """Return the file's text, or None if it is none."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def test_no_file_of_the_program_or_its_tests_is_too_long() -> None:
    lengths = {
        path: len(path.read_text(encoding="utf-8").splitlines()) for path in tracked_files() if path.suffix == ".py"
    }
    assert {str(path.relative_to(ROOT)): length for path, length in lengths.items() if length > LONGEST} == {}


def test_no_tracked_file_names_a_registry_or_a_folder_of_one_machine() -> None:
    found = []
    for path in tracked_files():
        for number, line in enumerate((read_text(path) or "").splitlines(), 1):
            match = FORBIDDEN.search(line)
            if match is not None:
                found.append(f"{path.relative_to(ROOT)}:{number}: {match[0]}")
    assert found == []


@pytest.mark.parametrize(
    "text", [f"https://{REGISTRIES[0]}/simple", "cd /wo" + "rk/main", "/home/" + "ann", "/ro" + "ot/.cache"]
)
def test_the_patterns_find_what_they_are_for(text: str) -> None:
    assert FORBIDDEN.search(text)


def test_every_room_has_its_place_in_the_order_and_in_the_design() -> None:
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ][0]
    rooms = [layer.removeprefix("bindery.") for layer in contract["layers"]]
    assert sorted(rooms) == sorted(path.parent.name for path in PROGRAM.glob("*/__init__.py"))
    drawn = re.findall(
        r"^(\w+)/ +(\(planned\))?", DESIGN.split("Inside the program")[1].split("Deciding")[0], re.MULTILINE
    )
    assert [room for room, _ in drawn] == rooms
    empty = [room for room in rooms if [path.name for path in (PROGRAM / room).rglob("*.py")] == ["__init__.py"]]
    assert [room for room, is_planned in drawn if is_planned] == empty


def test_every_room_has_its_tests() -> None:
    tested = {path.relative_to(ROOT / "tests").parts[0] for path in (ROOT / "tests").rglob("test_*.py")}
    rooms = {path.relative_to(PROGRAM).parts[0] for path in PROGRAM.glob("*/*.py") if path.name != "__init__.py"}
    assert rooms - tested == set()


def test_rooms_import_downwards() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_every_file_of_the_program_is_in_the_wheel(tmp_path: Path) -> None:
    build = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", build, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    with zipfile.ZipFile(tmp_path / done.stdout.split()[-1]) as wheel:
        names = set(wheel.namelist())
    files = {f"bindery/{path.relative_to(PROGRAM)}" for path in tracked_files() if path.is_relative_to(PROGRAM)}
    assert files
    assert files - names == set()


def test_ci_runs_the_commands_of_the_readme() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "\nmake test" in script
    assert "```\nmake test\n```" in readme
    assert "```\nmake run\n```" in readme


def test_make_without_a_target_lists_the_targets() -> None:
    shown = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    targets = [line.split()[0] for line in shown.splitlines() if line.startswith("  ")]
    assert targets == ["help", "run", "test", "testbed", "bench", "lint", "clean"]
