"""A wheel, read: what it says of itself, and where its files go in a prefix.

Source: PyPA "Binary distribution format"; "Core metadata"; "Entry points"; "Recording installed packages".
"""

from __future__ import annotations

import configparser
import csv
import io
import re
import zipfile
from dataclasses import dataclass
from email.parser import HeaderParser
from typing import IO, TYPE_CHECKING

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from bindery.core import BadInput, inner_path
from bindery.core.tarstreams import EXECUTABLE, PLAIN, TarMember, bytes_member
from bindery.environments.wheels.archive import PLACEHOLDER, PackageFile
from bindery.environments.wheels.requirements import parse_requirements

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from packaging.requirements import Requirement

# conda installs files of these folders into the site-packages and the bin of whichever Python there is.
_NOARCH_SITE, _NOARCH_BIN = "site-packages", "python-scripts"
_ENTRY_POINT = re.compile(r"(?P<name>[^\s=\[\]][^=]*?)\s*=\s*(?P<module>[\w.]+)\s*:\s*(?P<object>[\w.]+)\s*(\[.*\])?")
_NOT_OURS = frozenset({"direct_url.json", "REQUESTED", "RECORD.jws", "RECORD.p7s"})


@dataclass(frozen=True, kw_only=True, slots=True)
class WheelMetadata:
    """What a wheel says of itself. ``dist_info`` is the name of its folder of metadata."""

    name: str
    version: str
    requires: tuple[Requirement, ...]
    requires_python: SpecifierSet
    license: str
    summary: str
    home: str
    dist_info: str
    noarch: bool


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """A command: its name, and the function that it calls."""

    name: str
    module: str
    function: str

    def __str__(self) -> str:
        """Return it as ``link.json`` writes it."""
        return f"{self.name} = {self.module}:{self.function}"


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the parts of a wheel go, relative to the prefix."""

    site: str
    scripts: str
    headers: str

    def place(self, name: str, wheel_name: str, where: str) -> str:
        """Return where the file of this name inside of the wheel goes.

        Raises:
            BadInput: its name climbs out, or it is of a kind that no installer knows.

        """
        inside = str(inner_path(name, where))
        first, _, rest = inside.partition("/")
        if not first.endswith(".data"):
            return f"{self.site}/{inside}"
        scheme, _, rest = rest.partition("/")
        folders = {
            "purelib": f"{self.site}/",
            "platlib": f"{self.site}/",
            "scripts": f"{self.scripts}/",
            "headers": f"{self.headers}/{wheel_name}/",
            "data": "",
        }
        if scheme not in folders or not rest:
            raise BadInput(f"{name!r} is in no folder that an installer knows", where)
        return folders[scheme] + rest


def make_layout(*, noarch: bool, minor: str) -> Layout:
    """Return where files go in a package for any Python, or for this minor version."""
    headers = f"include/python{minor}"
    if noarch:
        return Layout(_NOARCH_SITE, _NOARCH_BIN, headers)
    return Layout(f"lib/python{minor}/site-packages", "bin", headers)


def open_wheel(path: Path, label: str) -> zipfile.ZipFile:
    """Return the wheel, opened. ``label`` is what errors call it.

    Raises:
        BadInput: it is not a zip file, or not a whole one.

    """
    try:
        return zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise BadInput("is not a zip file, or not a whole one", label, "delete it; it will be fetched again") from error


def read_metadata(wheel: zipfile.ZipFile, label: str) -> WheelMetadata:
    """Return what the wheel says of itself.

    Raises:
        BadInput: a file that every wheel has is missing or cannot be read.

    """
    dist_info = _dist_info(wheel, label)
    core = HeaderParser().parsestr(_read(wheel, f"{dist_info}/METADATA", label).decode(errors="replace"))
    about = HeaderParser().parsestr(_read(wheel, f"{dist_info}/WHEEL", label).decode(errors="replace"))
    name, version = core.get("Name"), core.get("Version")
    if not name or not version:
        raise BadInput("METADATA has no Name or no Version", label)
    try:
        python = SpecifierSet(core.get("Requires-Python") or "")
    except InvalidSpecifier as error:
        raise BadInput(f"Requires-Python: {error}", label) from error
    tags = [str(tag).strip() for tag in about.get_all("Tag", [])]
    headers = any(".data/headers/" in entry for entry in wheel.namelist())
    return WheelMetadata(
        name=canonicalize_name(name),
        version=version.strip(),
        requires=parse_requirements((str(line) for line in core.get_all("Requires-Dist", [])), label),
        requires_python=python,
        license=_one_line(core.get("License-Expression") or core.get("License")),
        summary=_one_line(core.get("Summary")),
        home=_one_line(core.get("Home-page")),
        dist_info=dist_info,
        noarch=bool(tags) and all(tag.endswith("-none-any") for tag in tags) and not headers,
    )


def read_entry_points(wheel: zipfile.ZipFile, metadata: WheelMetadata, label: str) -> tuple[EntryPoint, ...]:
    """Return the wheel's commands, sorted by name.

    Raises:
        BadInput: ``entry_points.txt`` cannot be read, or a command's name is no file name.

    """
    name = f"{metadata.dist_info}/entry_points.txt"
    if name not in wheel.namelist():
        return ()
    parser = configparser.ConfigParser(delimiters=("=",), strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # the documented way to keep capitals
    try:
        parser.read_string(_read(wheel, name, label).decode())
    except (configparser.Error, UnicodeDecodeError) as error:
        raise BadInput(f"{name}: {error}", label) from error
    found = {}
    for section in ("console_scripts", "gui_scripts"):
        for key, value in parser.items(section) if parser.has_section(section) else ():
            match = _ENTRY_POINT.fullmatch(f"{key} = {value}")
            if match is None or "/" in key:
                raise BadInput(f"{name}: {key} = {value} is not a command", label)
            found[key] = EntryPoint(key, match["module"], match["object"])
    return tuple(found[key] for key in sorted(found))


def package_files(wheel: zipfile.ZipFile, metadata: WheelMetadata, layout: Layout, label: str) -> list[PackageFile]:
    """Return the wheel's files where the layout places them, with a RECORD of these places.

    Raises:
        BadInput: a path climbs out, or two files have one place.

    """
    record_name = f"{metadata.dist_info}/RECORD"
    edited: set[str] = set()
    files: dict[str, PackageFile] = {}
    for info in wheel.infolist():
        folder, _, base = info.filename.rpartition("/")
        if info.is_dir() or info.filename == record_name or (folder == metadata.dist_info and base in _NOT_OURS):
            continue
        file = _package_file(wheel, info, layout.place(info.filename, metadata.name, label), label)
        if file.placeholder is not None:
            edited.add(info.filename)
        if file.member.path in files:
            raise BadInput(f"two of its files are {file.member.path}", label)
        files[file.member.path] = file
    rows = [row for row in _record_rows(wheel, record_name, label) if row[0].rpartition("/")[2] not in _NOT_OURS]
    generated = {
        f"{layout.site}/{record_name}": _encode_record(rows, edited, layout, metadata, label),
        f"{layout.site}/{metadata.dist_info}/INSTALLER": b"conda\n",
    }
    files |= {path: PackageFile(member=bytes_member(path, data)) for path, data in generated.items()}
    return list(files.values())


def _package_file(wheel: zipfile.ZipFile, info: zipfile.ZipInfo, place: str, label: str) -> PackageFile:
    script = ".data/scripts/" in info.filename
    mode = EXECUTABLE if script or (info.external_attr >> 16) & 0o111 else PLAIN
    if script:
        with wheel.open(info) as stream:
            start = stream.read(len(b"#!python"))
        if start == b"#!python":
            _, newline, body = _read(wheel, info.filename, label).partition(b"\n")
            text = f"#!{PLACEHOLDER}/bin/python".encode() + newline + body
            return PackageFile(member=bytes_member(place, text, mode), placeholder=PLACEHOLDER)

    def open_entry() -> IO[bytes]:
        return wheel.open(info)

    return PackageFile(member=TarMember(path=place, mode=mode, size_bytes=info.file_size, open=open_entry))


def _record_rows(wheel: zipfile.ZipFile, name: str, label: str) -> list[list[str]]:
    try:
        text = _read(wheel, name, label).decode()
        rows = [row for row in csv.reader(io.StringIO(text)) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{name}: {error}", label) from error
    for row in rows:
        if len(row) != 3:
            raise BadInput(f"{name}: {','.join(row)!r} has {len(row)} fields, expected 3", label)
        inner_path(row[0], f"{label}: RECORD")
    return rows


def _encode_record(
    rows: list[list[str]], edited: set[str], layout: Layout, metadata: WheelMetadata, label: str
) -> bytes:
    """Return RECORD as an installer writes it: paths relative to site-packages, no hash for what was edited."""
    up = "../" if layout.site == _NOARCH_SITE else ""
    lines = {f"{metadata.dist_info}/INSTALLER": ["", ""]}
    for name, digest, size in rows:
        place = layout.place(name, metadata.name, label)
        if place.startswith(f"{layout.site}/"):
            relative = place.removeprefix(f"{layout.site}/")
        else:
            relative = "../../../" + (place.replace(f"{_NOARCH_BIN}/", "bin/", 1) if up else place)
        lines[relative] = ["", ""] if name in edited else [digest, size]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([path, *lines[path]] for path in sorted(lines))
    return text.getvalue().encode()


def _dist_info(wheel: zipfile.ZipFile, label: str) -> str:
    found = {name.split("/")[0] for name in wheel.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", name)}
    if len(found) != 1:
        raise BadInput(f"has {len(found)} .dist-info folders with METADATA, expected 1", label)
    return found.pop()


def _read(wheel: zipfile.ZipFile, name: str, label: str) -> bytes:
    try:
        return wheel.read(name)
    except (KeyError, zipfile.BadZipFile) as error:
        raise BadInput(f"{name} is missing or damaged", label) from error


def _one_line(text: str | None) -> str:
    lines = (text or "").strip().splitlines()
    return lines[0][:200] if lines else ""


def entry_point_scripts(points: tuple[EntryPoint, ...]) -> Iterator[PackageFile]:
    """Yield the commands as scripts; an installer writes them itself only for packages for any Python."""
    for point in points:
        text = (
            f"#!{PLACEHOLDER}/bin/python\nimport sys\n\nfrom {point.module} import {point.function.split('.')[0]}\n\n"
            f'if __name__ == "__main__":\n    sys.exit({point.function}())\n'
        )
        yield PackageFile(member=bytes_member(f"bin/{point.name}", text.encode(), EXECUTABLE), placeholder=PLACEHOLDER)
