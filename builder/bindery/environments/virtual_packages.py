"""What a machine is taken to have: conda-lock's defaults, to which content hashes are bound.

Source: conda-lock 4, default-virtual-packages.yaml.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bindery.core import Json

_EPOCH_MS = 1577854800000  # what conda-lock writes into every record, and so into every content hash


@dataclass(frozen=True, kw_only=True, slots=True)
class VirtualPackage:
    """A property of the machine that packages can depend on."""

    name: str
    version: str = "0"
    build: str = ""


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


def virtual_packages(platform: str, glibc: str | None = None) -> tuple[VirtualPackage, ...]:
    """Return what the solver takes a machine of the platform to have, with another glibc if one is given."""
    return tuple(
        replace(package, version=glibc) if glibc and package.name == "__glibc" else package
        for package in _DEFAULTS[platform]
    )


def hashed_records(platform: str, *, old_osx: bool = True, numbered_builds: bool = True) -> dict[str, Json]:
    """Return the channel records of the platform's default virtual packages that content hashes are made over.

    conda-lock 2 wrote a second, older ``__osx`` (``old_osx``) and a number after each build string
    (``numbered_builds``), both by mistake; conda-lock 4 goes on hashing them, so that old hashes stay true.
    """
    records: dict[str, Json] = {}
    for package in (*_DEFAULTS[platform], *(_OLD_OSX if old_osx and platform == "osx-64" else ())):
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
