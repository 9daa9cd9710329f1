"""What a package says of itself: its index, its paths, its entry points; and the interpreter of a whole prefix."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bindery.core import BadInput, inner_path, parse_json
from bindery.prefixes.archives import read_info
from bindery.prefixes.entry_points import EntryPoint, parse_entry_point

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bindery.core import Json
    from bindery.environments import LockedPackage

Noarch = Literal["python", "generic"]
_INDEX, _PATHS, _LINK = "info/index.json", "info/paths.json", "info/link.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Placeholder:
    """The text in a file that becomes the prefix, and how the file is read."""

    text: str
    mode: Literal["text", "binary"]


@dataclass(frozen=True, kw_only=True, slots=True)
class PackedPath:
    """One file or link of a package, by its name in the archive."""

    sha256: str
    size_bytes: int
    placeholder: Placeholder | None


@dataclass(frozen=True, kw_only=True, slots=True)
class PackageContents:
    """A package of a lock, its archive on this machine, and what the archive says.

    ``paths`` has the names in the archive; ``depends`` and ``constrains`` are match specifications.
    """

    locked: LockedPackage
    archive: Path
    noarch: Noarch | None
    build_number: int
    depends: tuple[str, ...]
    constrains: tuple[str, ...]
    site_packages: str | None
    entry_points: tuple[EntryPoint, ...]
    paths: dict[str, PackedPath]


@dataclass(frozen=True, kw_only=True, slots=True)
class PythonLayout:
    """Where the prefix's Python is and keeps its modules, relative to the prefix."""

    version: str
    executable: str
    library: str
    site_packages: str

    @property
    def cache_tag(self) -> str:
        """The word in the names of its bytecode files: ``cpython-312``."""
        return "cpython-" + "".join(self.version.split(".")[:2])


def read_contents(locked: LockedPackage, archive: Path) -> PackageContents:
    """Return what the archive says of the package that the lock names.

    Raises:
        BadInput: the archive is damaged, misses a file, or is another package.

    """
    found = read_info(archive, frozenset({_INDEX, _PATHS, _LINK}))
    index, paths = (_document(found, name, archive) for name in (_INDEX, _PATHS))
    link = _document(found, _LINK, archive) if _LINK in found else {}
    named = tuple(_text(index, key, archive) for key in ("name", "version", "build"))
    if named != (locked.name, locked.version, locked.build):
        raise BadInput(
            f"is {' '.join(named)}, and the lock says {locked.name} {locked.version} {locked.build}", locked.url
        )
    number, site_packages = index.get("build_number"), index.get("python_site_packages_path")
    return PackageContents(
        locked=locked,
        archive=archive,
        noarch=_noarch(index, archive),
        build_number=number if isinstance(number, int) else 0,
        depends=_texts(index.get("depends")),
        constrains=_texts(index.get("constrains")),
        site_packages=site_packages if isinstance(site_packages, str) else None,
        entry_points=_entry_points(link, archive),
        paths=_paths(paths, archive),
    )


def find_python(packages: Sequence[PackageContents]) -> PythonLayout | None:
    """Return the layout of the package named python; None where there is none.

    Raises:
        BadInput: its version is not one of Python's.

    """
    for package in packages:
        if package.locked.name == "python":
            version = package.locked.version
            match = re.match(r"(\d+)\.(\d+)", version)
            if match is None:
                raise BadInput(f"{version} is not a version of Python", package.locked.url)
            minor = f"{match[1]}.{match[2]}"
            site_packages = package.site_packages or f"lib/python{minor}/site-packages"
            return PythonLayout(
                version=version,
                executable=f"bin/python{minor}",
                library=site_packages.rpartition("/")[0],
                site_packages=site_packages,
            )
    return None


def _document(found: dict[str, bytes], name: str, archive: Path) -> dict[str, Json]:
    if name not in found:
        raise BadInput(f"is not a conda package: {name} is missing", str(archive))
    try:
        document = parse_json(found[name])
    except ValueError as error:
        raise BadInput(f"{name} is not JSON: {error}", str(archive)) from error
    if not isinstance(document, dict):
        raise BadInput(f"{name} is not a mapping", str(archive))
    return document


def _text(mapping: dict[str, Json], key: str, archive: Path) -> str:
    value = mapping.get(key)
    if not isinstance(value, str):
        raise BadInput(f"info: {key} is missing, or not text", str(archive))
    return value


def _texts(value: Json) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _noarch(index: dict[str, Json], archive: Path) -> Noarch | None:
    match index.get("noarch"):
        case None:
            return None
        case "python":
            return "python"
        case "generic":
            return "generic"
        case other:
            raise BadInput(f"{_INDEX}: noarch is {other}, not python or generic", str(archive))


def _entry_points(link: dict[str, Json], archive: Path) -> tuple[EntryPoint, ...]:
    noarch = link.get("noarch")
    texts = _texts(noarch.get("entry_points")) if isinstance(noarch, dict) else ()
    return tuple(parse_entry_point(text, f"{archive}: {_LINK}") for text in texts)


def _paths(document: dict[str, Json], archive: Path) -> dict[str, PackedPath]:
    items = document.get("paths")
    if not isinstance(items, list):
        raise BadInput(f"{_PATHS}: paths is missing, or not a list", str(archive))
    found: dict[str, PackedPath] = {}
    for item in items:
        if not isinstance(item, dict):
            raise BadInput(f"{_PATHS}: a path is not a mapping", str(archive))
        name = str(inner_path(_text(item, "_path", archive), f"{archive}: {_PATHS}"))
        if item.get("path_type") != "directory":
            found[name] = _path(item)
    return found


def _path(item: dict[str, Json]) -> PackedPath:
    sha256, size, text = item.get("sha256"), item.get("size_in_bytes"), item.get("prefix_placeholder")
    binary = item.get("file_mode") == "binary"
    return PackedPath(
        sha256=sha256 if isinstance(sha256, str) else "",
        size_bytes=size if isinstance(size, int) else 0,
        placeholder=Placeholder(text=text, mode="binary" if binary else "text") if isinstance(text, str) else None,
    )
