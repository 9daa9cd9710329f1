"""Anything that lists packages with their versions: a lock, a release's lock, pins of wheels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bindery.core import BadInput
from bindery.environments.environment import LOCK_NAME, find_environment
from bindery.environments.lockfile import read_lock
from bindery.environments.releases import find_release

if TYPE_CHECKING:
    from bindery.core import Digest, Settings
    from bindery.environments.lockfile import Lock

WHEELS_PLATFORM = "linux-64"


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedPackage:
    """A package on a platform. ``build`` is empty for a wheel, whose name here is conda-forge's all the same."""

    name: str
    platform: str
    version: str
    build: str
    digest: Digest


@dataclass(frozen=True, kw_only=True, slots=True)
class PackageList:
    """Packages, and the name that people know the list by; ``of_wheels`` if PyPI's files and not conda's."""

    label: str
    packages: tuple[ListedPackage, ...]
    of_wheels: bool = False


def list_lock(lock: Lock, label: str) -> PackageList:
    """Return the packages of the lock, those of its optional categories as well, each once."""
    packages = {
        package.key: ListedPackage(
            name=package.name,
            platform=package.platform,
            version=package.version,
            build=package.build,
            digest=package.sha256,
        )
        for package in lock.packages
    }
    return PackageList(label=label, packages=tuple(packages.values()))


def read_package_list(target: str, settings: Settings) -> PackageList:
    """Return what the target lists: a file, ``pangeo``, or ``pangeo@2025.08.14``.

    Raises:
        BadInput: there is no such thing, or it cannot be read.

    """
    path = Path(target)
    if path.is_file():
        return _list_pins(path) if path.suffix == ".txt" else list_lock(read_lock(path), target)
    if "/" in target:
        raise BadInput("there is no such file", target)
    name, _, version = target.partition("@")
    environment = find_environment(settings, name)
    if version:
        return list_lock(read_lock(find_release(environment, version).folder / LOCK_NAME), target)
    return list_lock(read_lock(environment.lock_path, environment.fix), target)


def _list_pins(path: Path) -> PackageList:
    # Wheels bring what fetches and converts them, which only this function's callers want.
    from bindery.environments.wheels.names import conda_name  # noqa: PLC0415
    from bindery.environments.wheels.pins import parse_pins  # noqa: PLC0415

    pins = parse_pins(path.read_text(encoding="utf-8"), str(path), path.absolute().parent.name)
    packages = tuple(
        ListedPackage(
            name=conda_name(pin.name), platform=WHEELS_PLATFORM, version=pin.version, build="", digest=pin.digest
        )
        for pin in pins
    )
    return PackageList(label=str(path), packages=packages, of_wheels=True)
