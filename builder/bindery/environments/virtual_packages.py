"""What a machine is taken to have: conda-lock's defaults, or ``virtual-packages.yml``. Content hashes are bound to it.

Source: conda-lock 4, virtual_package.py and default-virtual-packages.yaml.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from bindery.core import BadInput
from bindery.environments.documents import parse_document
from bindery.environments.fields import Fields

if TYPE_CHECKING:
    from pathlib import Path

    from bindery.core import Json
    from bindery.environments.environment import Environment

FILE_NAME = "virtual-packages.yml"
LIMIT_MIB = 1
_EPOCH_MS = 1577854800000  # what conda-lock writes into every record, and so into every content hash


@dataclass(frozen=True, kw_only=True, slots=True)
class VirtualPackage:
    """A property of the machine that packages can depend on."""

    name: str
    version: str = "0"
    build: str = ""


VirtualPackages: TypeAlias = "tuple[tuple[str, tuple[VirtualPackage, ...]], ...]"
"""For each platform, what its machines are taken to have."""


def _linux(arch: str) -> tuple[VirtualPackage, ...]:
    return (
        VirtualPackage(name="__unix"),
        VirtualPackage(name="__linux", version="5.10"),
        VirtualPackage(name="__archspec", version="1", build=arch),
        VirtualPackage(name="__glibc", version="2.28"),
        VirtualPackage(name="__cuda", version="11.4"),
    )


def _osx(arch: str) -> tuple[VirtualPackage, ...]:
    return (
        VirtualPackage(name="__unix"),
        VirtualPackage(name="__archspec", version="1", build=arch),
        VirtualPackage(name="__osx", version="11.0"),
    )


_DEFAULTS = {
    "linux-64": _linux("x86_64"),
    "linux-aarch64": _linux("aarch64"),
    "osx-64": _osx("x86_64"),
    "osx-arm64": _osx("arm64"),
}
_OLD_OSX = (VirtualPackage(name="__osx", version="10.15"),)


def read_virtual_packages(environment: Environment) -> VirtualPackages | None:
    """Return what the environment's ``virtual-packages.yml`` says, or that of the layer below it that has one.

    None if none has one, and conda-lock's defaults hold.

    Raises:
        BadInput: the file is not as conda-lock has it.

    """
    for layer in reversed(environment.layers):
        path = layer.folder / FILE_NAME
        if path.is_file():
            return _read_file(path)
    return None


def _read_file(path: Path) -> VirtualPackages:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(f"is not UTF-8: {error}", str(path)) from error
    document = Fields.of_document(parse_document(text, str(path), limit_mib=LIMIT_MIB), str(path), "")
    document.refuse_others({"subdirs"})
    subdirs = document.inner("subdirs")
    found = []
    for platform in subdirs.values:
        subdir = subdirs.inner(platform)
        subdir.refuse_others({"packages"})
        pairs = subdir.pairs("packages")
        if wrong := next((name for name, _ in pairs if not name.startswith("__")), None):
            raise subdir.error(f"packages.{wrong} is no virtual package: they start with two underscores")
        found.append((platform, tuple(_parse(name, version) for name, version in pairs)))
    return tuple(found)


def _parse(name: str, text: str) -> VirtualPackage:
    version, _, build = text.partition(" ")
    return VirtualPackage(name=name, version=version, build=build)


def virtual_packages(
    platform: str, glibc: str | None = None, given: VirtualPackages | None = None
) -> tuple[VirtualPackage, ...]:
    """Return what the solver takes a machine of the platform to have, with another glibc if one is given."""
    found = _DEFAULTS[platform] if given is None else dict(given).get(platform, ())
    return tuple(
        replace(package, version=glibc) if glibc and package.name == "__glibc" else package for package in found
    )


def hashed_records(
    platform: str, given: VirtualPackages | None = None, *, old_osx: bool = True, numbered_builds: bool = True
) -> dict[str, Json]:
    """Return the channel records of the platform's virtual packages that content hashes are made over.

    conda-lock 2 wrote a second, older ``__osx`` beside its defaults (``old_osx``) and a number after each build string
    (``numbered_builds``), both by mistake; conda-lock 4 goes on hashing them, so that old hashes stay true.
    """
    old = _OLD_OSX if old_osx and given is None and platform == "osx-64" else ()
    records: dict[str, Json] = {}
    for package in (*virtual_packages(platform, given=given), *old):
        build = package.build + ("_0" if numbered_builds else "") if package.build else "0"
        records[f"{package.name}-{package.version}-{build}.tar.bz2"] = {
            "name": package.name,
            "version": package.version,
            "build_string": package.build,
            "build_number": 0,
            "noarch": "",
            "depends": [],
            "timestamp": _EPOCH_MS,
            "package_type": "virtual_system",
            "build": build,
            "subdir": platform,
        }
    return records
