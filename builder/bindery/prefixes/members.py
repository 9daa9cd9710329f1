"""What lies in an archive: names, modes, links, digests. Read once, and kept in the store under the archive's own hash.

What is kept follows from the archive alone, and was read after its hash was checked; whoever can write it can write the
prefixes beside it. Its own digest shows a disk's faults. `bindery verify` reads the archives and nothing that was kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bindery.core import digest_bytes, inner_path, write_file
from bindery.prefixes.archives import digest_member, open_payload, plain_name

if TYPE_CHECKING:
    import tarfile
    from collections.abc import Collection
    from pathlib import Path

    from bindery.core import Store

KIND = "archive-members"
Kind = Literal["file", "link", "hard", "other"]
_COLUMNS = 6
_KINDS: dict[str, Kind] = {"file": "file", "link": "link", "hard": "hard", "other": "other"}


@dataclass(frozen=True, slots=True)
class PackedMember:
    """A member by its name in the archive. A link of either sort has a target, a file may have its bytes' digest."""

    name: str
    kind: Kind
    is_executable: bool
    target: str
    sha256: str
    size_bytes: int


def read_members(archive: Path, digested: Collection[str]) -> tuple[PackedMember, ...]:
    """Return what the archive installs, in its order, without folders; with digests of those files that are named.

    Raises:
        BadInput: it is not a whole package, or has a name that leaves its folder.

    """
    with open_payload(archive) as (tar, members):
        return tuple(_describe(tar, member, archive, digested) for member in members)


def ensure_members(archive: Path, sha256: str, digested: Collection[str], store: Store) -> tuple[PackedMember, ...]:
    """Return the same from what the store keeps under the archive's hash; read the archive if it keeps nothing.

    What is named must follow from the archive as well.

    Raises:
        BadInput: it is not a whole package, or has a name that leaves its folder.
        ToolFailed: the disk is full or cannot be written.

    """
    path = store.path(KIND, sha256)
    members = _decode(path.read_bytes()) if path.is_file() else None
    if members is None:
        members = read_members(archive, digested)
        write_file(path, _encode(members))
    return members


def _describe(tar: tarfile.TarFile, member: tarfile.TarInfo, archive: Path, digested: Collection[str]) -> PackedMember:
    name = str(inner_path(plain_name(member), str(archive)))
    if member.issym():
        return PackedMember(name, "link", is_executable=False, target=member.linkname, sha256="", size_bytes=0)
    if member.islnk():
        target = member.linkname.removeprefix("./")
        return PackedMember(name, "hard", is_executable=False, target=target, sha256="", size_bytes=0)
    if not member.isreg():
        return PackedMember(name, "other", is_executable=False, target="", sha256="", size_bytes=0)
    sha256, size_bytes = digest_member(tar, member, archive) if name in digested else ("", member.size)
    return PackedMember(name, "file", bool(member.mode & 0o111), "", sha256, size_bytes)


def _encode(members: tuple[PackedMember, ...]) -> bytes:
    fields = [
        field
        for member in members
        for field in (
            member.name,
            member.kind,
            "x" if member.is_executable else "",
            member.target,
            member.sha256,
            str(member.size_bytes),
        )
    ]
    table = "\0".join(fields).encode(errors="surrogateescape")
    return f"{digest_bytes(table)}\n".encode() + table


def _decode(data: bytes) -> tuple[PackedMember, ...] | None:
    digest, _, table = data.partition(b"\n")
    if digest != str(digest_bytes(table)).encode():
        return None
    fields = table.decode(errors="surrogateescape").split("\0") if table else []
    columns = (fields[column::_COLUMNS] for column in range(_COLUMNS))
    return tuple(
        PackedMember(name, _KINDS[kind], executable == "x", target, sha256, int(size_bytes))
        for name, kind, executable, target, sha256, size_bytes in zip(*columns, strict=True)
    )
