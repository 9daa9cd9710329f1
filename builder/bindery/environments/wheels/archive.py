"""``.conda`` archives: an uncompressed zip of two zstandard tars, with the same bytes for the same package.

Source: conda-package-handling, ".conda format"; CEP 34 (paths.json, link.json, index.json).
"""

from __future__ import annotations

import hashlib
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import IO, TYPE_CHECKING, Literal

import zstandard

from bindery.core import Json, encode_json
from bindery.core.tarstreams import TarMember, bytes_member, write_tar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from bindery.core.tarstreams import Source

# Every file of every package has this time: 2023-11-14 22:13:20 UTC.
EPOCH_S = 1_700_000_000
_ZIP_TIME = (2023, 11, 14, 22, 13, 20)
# The ten largest wheels of pangeo (892 MB unpacked) on one core: level 1 takes 3.5 s and leaves 294 MB, level 3 4.8 s
# and 257 MB, level 6 13.8 s and 239 MB. To unpack the wheels takes 6.3 s.
LEVEL = 3
# Long, as conda's own builds have it, so that it never is a path of somebody.
PLACEHOLDER = "/opt/bindery_" + "placehold_" * 20


@dataclass(frozen=True, kw_only=True, slots=True)
class PackageFile:
    """A file or link of a package. ``placeholder`` is the text in it that an installer replaces with the prefix."""

    member: TarMember
    placeholder: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CondaPackage:
    """What is said of a package, apart from its files."""

    name: str
    version: str
    build: str
    subdir: str
    depends: tuple[str, ...] = ()
    constrains: tuple[str, ...] = ()
    noarch: Literal["python", "generic"] | None = None
    entry_points: tuple[str, ...] = ()
    license: str = ""
    about: Mapping[str, str] = field(default_factory=dict)
    site_packages: str | None = None

    @property
    def stem(self) -> str:
        """The file name without its ending."""
        return f"{self.name}-{self.version}-{self.build}"

    @property
    def file_name(self) -> str:
        """The file name."""
        return f"{self.stem}.conda"

    @property
    def index(self) -> dict[str, Json]:
        """``index.json``."""
        generic = self.subdir == "noarch"
        index: dict[str, Json] = {
            "arch": None if generic else "x86_64",
            "build": self.build,
            "build_number": 0,
            "constrains": list(self.constrains),
            "depends": list(self.depends),
            "license": self.license,
            "name": self.name,
            "platform": None if generic else "linux",
            "subdir": self.subdir,
            "timestamp": EPOCH_S * 1000,
            "version": self.version,
        }
        if self.noarch:
            index["noarch"] = self.noarch
        if self.site_packages:
            index["python_site_packages_path"] = self.site_packages
        return index


def write_conda(path: Path, package: CondaPackage, files: Iterable[PackageFile]) -> None:
    """Make the archive at the path, which must not exist."""
    digests: dict[str, str] = {}
    ordered = sorted(files, key=lambda file: file.member.path.encode())
    sizes = {file.member.path: file.member.size_bytes for file in ordered}
    with zipfile.ZipFile(path, "x", zipfile.ZIP_STORED) as archive:
        with _open_entry(archive, "metadata.json") as sink:
            sink.write(b'{"conda_pkg_format_version": 2}')
        with _open_entry(archive, f"pkg-{package.stem}.tar.zst") as sink:
            _write_tar_zst((_hashed(file.member, digests) for file in ordered), sink)
        with _open_entry(archive, f"info-{package.stem}.tar.zst") as sink:
            _write_tar_zst(_info(package, [_path_entry(file, digests, sizes) for file in ordered]), sink)


def _open_entry(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    entry = zipfile.ZipInfo(name, _ZIP_TIME)
    entry.create_system, entry.external_attr = 3, 0o100644 << 16
    return archive.open(entry, "w")


def _write_tar_zst(members: Iterable[TarMember], sink: IO[bytes]) -> None:
    with zstandard.ZstdCompressor(level=LEVEL).stream_writer(sink, closefd=False) as compressor:
        write_tar(members, compressor, epoch_s=EPOCH_S)


def _info(package: CondaPackage, paths: list[dict[str, Json]]) -> list[TarMember]:
    documents: dict[str, Json] = {
        "about.json": dict(package.about),
        "index.json": package.index,
        "paths.json": {"paths": [*paths], "paths_version": 1},
    }
    if package.noarch == "python":
        noarch: dict[str, Json] = {"type": "python", "entry_points": list(package.entry_points)}
        documents["link.json"] = {"noarch": noarch, "package_metadata_version": 1}
    members = [bytes_member(f"info/{name}", encode_json(value, indent=2)) for name, value in documents.items()]
    listing = "".join(f"{entry['_path']}\n" for entry in paths)
    return [*members, bytes_member("info/files", listing.encode())]


def _path_entry(file: PackageFile, digests: Mapping[str, str], sizes: Mapping[str, int]) -> dict[str, Json]:
    member = file.member
    if member.target is not None:
        parent = member.path.rpartition("/")[0]
        pointed = f"{parent}/{member.target}" if parent else member.target
        return {
            "_path": member.path,
            "path_type": "softlink",
            "sha256": digests[pointed],
            "size_in_bytes": sizes[pointed],
        }
    entry: dict[str, Json] = {
        "_path": member.path,
        "path_type": "hardlink",
        "sha256": digests[member.path],
        "size_in_bytes": member.size_bytes,
    }
    if file.placeholder is not None:
        entry |= {"file_mode": "text", "prefix_placeholder": file.placeholder}
    return entry


def _hashed(member: TarMember, digests: dict[str, str]) -> TarMember:
    """Return the member, which now says in ``digests`` what its SHA-256 was when it was read."""
    source = member.open
    if source is None:
        return member

    @contextmanager
    def open_hashed() -> Iterator[_Hashing]:
        with source() as stream:
            hashing = _Hashing(stream)
            yield hashing
            digests[member.path] = hashing.state.hexdigest()

    return replace(member, open=open_hashed)


class _Hashing:
    def __init__(self, stream: Source) -> None:
        self._stream = stream
        self.state = hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(size)
        self.state.update(data)
        return data
