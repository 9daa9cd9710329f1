"""One wheel, made into one conda package; a metapackage; and the record of a package for its channel."""

from __future__ import annotations

import shutil
import zipfile
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bindery.core import BadInput, Digest, Store, digest_bytes, digest_file, encode_json
from bindery.core.tarstreams import bytes_member
from bindery.environments.wheels.archive import CondaPackage, PackageFile, write_conda
from bindery.environments.wheels.elf import is_elf, parse_needs
from bindery.environments.wheels.names import conda_name
from bindery.environments.wheels.requirements import Target, join_spec
from bindery.environments.wheels.wheel import (
    WheelMetadata,
    entry_point_scripts,
    make_layout,
    open_wheel,
    package_files,
    read_entry_points,
    read_metadata,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from bindery.core import Json

# A new number converts every wheel anew: raise it when a package's bytes change for the same wheel.
FORMAT = 1
KIND = "wheel-packages"
RECORD_NAME = "record.json"
_CXX = frozenset({"libstdc++.so.6", "libgcc_s.so.1"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Conversion:
    """A wheel in the store, and what its package is going to need; everything that its bytes depend on."""

    wheel: Path
    digest: Digest
    label: str
    size_bytes: int
    depends: tuple[str, ...]
    target: Target
    store: Store

    @property
    def key(self) -> str:
        """The name of the package in the store."""
        return digest_bytes(encode_json([FORMAT, str(self.digest), list(self.depends), self.target.minor])).hex

    @property
    def folder(self) -> Path:
        """Where the store keeps the package, or would."""
        return self.store.path(KIND, self.key)


def convert_wheel(conversion: Conversion) -> Path:
    """Return the folder that holds the wheel's package and its record, made if it was not there.

    Raises:
        BadInput: the wheel is not one.
        ToolFailed: the disk is full or cannot be written.

    """

    def build(work: Path) -> None:
        try:
            with open_wheel(conversion.wheel, conversion.label) as wheel:
                metadata = read_metadata(wheel, conversion.label)
                package, files = _plan_package(wheel, metadata, conversion)
                write_package(work, package, files)
        except (zipfile.BadZipFile, EOFError) as error:
            raise BadInput(f"is damaged: {error}", conversion.label) from error

    return conversion.store.ensure(KIND, conversion.key, build)


def write_package(folder: Path, package: CondaPackage, files: Iterable[PackageFile]) -> None:
    """Make the folder, with the package and its record in it, both read-only."""
    folder.mkdir(parents=True)
    path = folder / package.file_name
    write_conda(path, package, files)
    record: dict[str, Json] = package.index | {
        "md5": digest_file(path, "md5").hex,
        "sha256": digest_file(path).hex,
        "size": path.stat().st_size,
    }
    described: dict[str, Json] = {"file_name": package.file_name, "record": record}
    (folder / RECORD_NAME).write_bytes(encode_json(described))
    for made in (path, folder / RECORD_NAME):
        made.chmod(0o444)


def metapackage(name: str, version: str, depends: tuple[str, ...]) -> CondaPackage:
    """Return a package without files."""
    return CondaPackage(
        name=name, version=version, build="wheels_0", subdir="noarch", depends=depends, noarch="generic"
    )


def _plan_package(
    wheel: zipfile.ZipFile, metadata: WheelMetadata, conversion: Conversion
) -> tuple[CondaPackage, list[PackageFile]]:
    target = conversion.target
    layout = make_layout(noarch=metadata.noarch, minor=target.minor)
    files = package_files(wheel, metadata, layout, conversion.label)
    points = read_entry_points(wheel, metadata, conversion.label)
    depends = {*conversion.depends}
    if metadata.noarch:
        depends.add(join_spec("python", metadata.requires_python))
    else:
        taken = {file.member.path for file in files}
        files += [file for file in entry_point_scripts(points) if file.member.path not in taken]
        files, needs = _platform_needs(files, conversion.label)
        depends |= {*needs, *python_needs(target)}
    build = f"py{'h' if metadata.noarch else target.tag + 'h'}{conversion.digest.hex[:7]}_0"
    about = {"summary": metadata.summary, "home": metadata.home, "license": metadata.license}
    package = CondaPackage(
        name=conda_name(metadata.name),
        version=metadata.version,
        build=build,
        subdir="noarch" if metadata.noarch else "linux-64",
        depends=tuple(sorted(depends)),
        noarch="python" if metadata.noarch else None,
        entry_points=tuple(map(str, points)) if metadata.noarch else (),
        license=metadata.license,
        about={key: value for key, value in about.items() if value},
    )
    return package, files


def python_needs(target: Target) -> tuple[str, ...]:
    """Return the specs of a package with files for this minor version of Python only."""
    major, minor = target.minor.split(".")
    return (f"python >={target.minor},<{major}.{int(minor) + 1}.0a0", f"python_abi {target.minor}.* *_cp{target.tag}")


def _platform_needs(files: Iterable[PackageFile], label: str) -> tuple[list[PackageFile], set[str]]:
    """Return the files, and what the ELF files among them need of the machine and of libstdcxx.

    These are kept in memory from here on: unpacking them a second time would take a quarter of the whole conversion.
    """
    kept, glibc, libraries = [], (0, 0), set[str]()
    for file in files:
        data = _read_elf(file)
        if data is None:
            kept.append(file)
            continue
        try:
            needs = parse_needs(data)
        except ValueError as error:
            raise BadInput(f"{file.member.path}: {error}", label) from error
        kept.append(replace(file, member=bytes_member(file.member.path, data, file.member.mode)))
        glibc = max(glibc, needs.glibc)
        libraries |= set(needs.libraries)
    found = {glibc_need(glibc)} if glibc > (0, 0) else set[str]()
    return kept, found | ({"libstdcxx"} if libraries & _CXX else set())


def _read_elf(file: PackageFile) -> bytes | None:
    if file.member.open is None:
        return None
    with file.member.open() as stream:
        start = stream.read(8)
        return start + stream.read() if is_elf(start) else None


def glibc_need(version: tuple[int, int]) -> str:
    """Return conda's spec for at least this glibc."""
    return f"__glibc >={version[0]}.{version[1]}"


def link_or_copy(source: Path, target: Path) -> None:
    """Put the file at the target as well: the same inode where the file system allows it."""
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copy2(source, target)
