"""The READMEs of the environments: their tables are what the locks say. ``--update-golden`` writes them anew."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bindery.environments import find_environment, list_environments, read_lock, read_spec
from bindery.environments.wheels import read_pins
from bindery.environments.wheels.names import conda_name

if TYPE_CHECKING:
    from bindery.core import Settings
    from bindery.environments import Environment

NAMES = ("base", "hpc", "ml", "pangeo")
TABLE = re.compile(
    r"(?<=<!-- packages: written by pytest --update-golden -->\n).*(?=<!-- end of packages -->)", re.DOTALL
)


def test_every_environment_has_a_readme(project_settings: Settings) -> None:
    assert tuple(environment.name for environment in list_environments(project_settings)) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_table_is_what_the_lock_says(name: str, project_settings: Settings, *, update_golden: bool) -> None:
    environment = find_environment(project_settings, name)
    path = environment.folder / "README.md"
    text = path.read_text(encoding="utf-8")
    assert TABLE.search(text)
    made = TABLE.sub(_table(environment).replace("\\", r"\\"), text)
    if update_golden:
        path.write_text(made, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == made


def _table(environment: Environment) -> str:
    own = read_spec(replace(environment, extends=()))
    names = sorted({asked.name for _, requirements in own.requirements for asked in requirements})
    versions, last = _locked(environment) if environment.lock_path.is_file() else _pinned(environment)
    rows = "".join(f"| {name} | {versions[name]} |\n" for name in names)
    return f"\n| package | version |\n| --- | --- |\n{rows}\n{last}\n\n"


def _locked(environment: Environment) -> tuple[dict[str, str], str]:
    lock = read_lock(environment.lock_path)
    found: dict[str, set[str]] = {}
    for platform in lock.platforms:
        for package in lock.packages_for(platform):
            found.setdefault(package.name, set()).add(package.version)
    versions = {name: " or ".join(sorted(several)) for name, several in found.items()}
    counts = [f"{len(lock.packages_for(platform))} packages on {platform}" for platform in lock.platforms]
    return versions, f"Python {versions['python']}; {', '.join(counts)}."


def _pinned(environment: Environment) -> tuple[dict[str, str], str]:
    minors = sorted(path.stem.removeprefix("wheels-") for path in environment.wheels_paths)
    versions = {conda_name(pin.name): pin.version for pin in read_pins(environment, minors[-1])}
    counts = [f"{len(read_pins(environment, minor))} wheels for Python {minor}" for minor in minors]
    return versions, f"{' and '.join(counts)}, all on linux-64; the table is of Python {minors[-1]}."
