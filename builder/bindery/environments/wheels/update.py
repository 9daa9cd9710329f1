"""The pins, made anew by uv from the specs, in the versions of the lock where PyPI has them."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from bindery.core import BadInput
from bindery.environments.lockfile import read_lock
from bindery.environments.wheels.names import pypi_names, pypi_requirement
from bindery.environments.wheels.pins import Pin, pins_path, read_pins
from bindery.environments.wheels.tags import UV_PLATFORM
from bindery.environments.wheels.uv import best_wheels, explain_failure, run_uv

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bindery.environments.environment import Environment

LOCK_PLATFORM = "linux-64"
_SPEC = re.compile(r"(?:\S+::)?(?P<name>[A-Za-z0-9._-]+)\s*(?P<version>[^\s|\[]*)[^|]*")
_ONE_VERSION = re.compile(r"[0-9][A-Za-z0-9.+!_]*")


def solve_pins(environment: Environment, minor: str, environ: Mapping[str, str]) -> tuple[Pin, ...]:
    """Return the environment's pins, without those that the environments below it have already.

    The versions of the lock are what uv prefers, not what it must take: PyPI lacks some of them. What lies below must
    be as it is, but for a fork, whose lines may ask for another version than its parent has.

    Raises:
        BadInput: a spec cannot be read, or has no solution among wheels.
        ToolFailed: uv failed.

    """
    where = str(pins_path(environment, minor))
    below: dict[str, Pin] = {}
    for lower in environment.extends:
        below |= {pin.name: pin for pin in read_pins(lower, minor)}
    fixed = below if environment.fork_of is None else {}
    with tempfile.TemporaryDirectory(prefix="bindery-") as scratch:
        folder = Path(scratch)
        (folder / "in.txt").write_text("\n".join(_requirements(environment)) + "\n", encoding="utf-8")
        (folder / "below.txt").write_text("".join(f"{pin}\n" for pin in fixed.values()), encoding="utf-8")
        # uv prefers what the output file holds already.
        output = folder / "out.txt"
        output.write_text("\n".join(_locked_versions(environment)) + "\n", encoding="utf-8")
        arguments: list[str | Path] = [
            "pip",
            "compile",
            folder / "in.txt",
            "--constraints",
            folder / "below.txt",
            "--output-file",
            output,
        ]
        arguments += ["--python-version", minor, "--python-platform", UV_PLATFORM, "--only-binary", ":all:"]
        arguments += [
            "--no-header",
            "--no-annotate",
            "--no-emit-index-url",
            "--no-emit-find-links",
            "--no-strip-extras",
        ]
        status, _, err = run_uv(arguments, environ=environ, folder=environment.folder)
        if status != 0:
            raise explain_failure(err, where)
        solved = re.sub(r"\[[^]]*\]", "", output.read_text(encoding="utf-8"))
    found = best_wheels(solved, minor, where=where, environ=environ, folder=environment.folder)
    return tuple(sorted(pin for pin in found if pin.name not in fixed and below.get(pin.name) != pin))


def update_minors(environment: Environment, wanted: str | None) -> tuple[str, ...]:
    """Return the minor versions of Python to solve for: the wanted one, else those that have pins already.

    Raises:
        BadInput: what is wanted is no minor version, or there are no pins yet.

    """
    if wanted is not None:
        if not re.fullmatch(r"3\.\d+", wanted):
            raise BadInput(f"{wanted!r} is not a minor version such as 3.12", "--python")
        return (wanted,)
    minors = tuple(path.stem.removeprefix("wheels-") for path in environment.wheels_paths)
    if not minors:
        raise BadInput(
            "there are no pins of wheels yet", str(environment.folder), "name the Python they are for: --python 3.12"
        )
    return minors


def _requirements(environment: Environment) -> list[str]:
    names: dict[str, str] = {}
    for path in environment.sources:
        for spec in _read_spec(path):
            name, requirement = parse_conda_spec(spec, str(path))
            if requirement:
                names[name] = requirement
    return [names[name] for name in sorted(names)]


def _read_spec(path: Path) -> tuple[str, ...]:
    import yaml  # noqa: PLC0415 - only new pins need it

    try:
        document: object = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise BadInput(f"is not YAML: {error}", str(path)) from error
    dependencies = document.get("dependencies") if isinstance(document, dict) else None
    if not isinstance(dependencies, list):
        raise BadInput("has no list of dependencies", str(path))
    return tuple(spec for spec in dependencies if isinstance(spec, str))


def parse_conda_spec(spec: str, where: str) -> tuple[str, str]:
    """Return the conda name and the PyPI requirement that stands for it, which is empty if none can.

    Raises:
        BadInput: the spec is not one that a requirement can say.

    """
    match = _SPEC.fullmatch(spec.strip())
    if match is None:
        raise BadInput(f"{spec!r} cannot be written as a requirement of wheels", where)
    requirement = pypi_requirement(match["name"])
    return match["name"], f"{requirement}{_specifier(match['version'])}" if requirement else ""


def _specifier(version: str) -> str:
    match version[:1], version:
        case "", _:
            return ""
        case "=", _ if not version.startswith("=="):
            base = version[1:].split("=", maxsplit=1)[0].removesuffix(".*").removesuffix("*")
            return f"=={base}.*"
        case _ if _ONE_VERSION.fullmatch(version.removesuffix("*")):
            return f"=={version}"
    return version


def _locked_versions(environment: Environment) -> list[str]:
    found: dict[str, str] = {}
    for layer in environment.layers:
        if not layer.lock_path.is_file():
            continue
        for package in read_lock(layer.lock_path).packages_for(LOCK_PLATFORM):
            if _is_version(package.version):
                found |= dict.fromkeys(pypi_names(package.name), package.version)
    return [f"{name}=={found[name]}" for name in sorted(found)]


def _is_version(text: str) -> bool:
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True
