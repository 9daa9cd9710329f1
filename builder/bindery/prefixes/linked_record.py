"""What is known of a linked prefix, kept in a file beside it, so that nobody has to read its files again."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from bindery.core import BadInput, digest_bytes, digest_file, encode_json, parse_digest, parse_json
from bindery.prefixes.tree import PLAIN, Expected, ExpectedBytecode, ExpectedFile, ExpectedLink

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bindery.core import Digest, Json
    from bindery.prefixes.making import MadeTree

Kind = Literal["file", "link"]
LINK_MODE = 0o777
_COLUMNS = 7


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkedEntry:
    """A file or a link of a linked prefix; ``package`` is empty for what belongs to none.

    A file has its bytes' ``sha256`` (hex), its size and its mode (0o755 or 0o644, as an image has it; the store takes
    the write bits away). A link has the text that it holds as ``target``, and the
    mode 0o777.
    """

    package: str
    kind: Kind
    sha256: str
    size_bytes: int
    mode: int
    target: str


class LinkedEntries(Mapping[str, LinkedEntry]):
    """Entries by path, sorted; each is made of the record's text when it is asked for: there are tens of thousands."""

    def __init__(self, fields: list[str]) -> None:
        self._fields = fields
        self._rows = dict(zip(fields[::_COLUMNS], range(0, len(fields), _COLUMNS), strict=True))

    def __getitem__(self, path: str) -> LinkedEntry:
        row = self._rows[path]
        package, sha256, size_bytes, mode, target = self._fields[row + 1 : row + 6]
        return LinkedEntry(
            package=package,
            kind="file" if sha256 else "link",
            sha256=sha256,
            size_bytes=int(size_bytes),
            mode=int(mode),
            target=target,
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LinkedEntries) and self._fields == other._fields

    def __hash__(self) -> int:
        return hash(tuple(self._fields))

    def touched(self, root: Path) -> tuple[str, ...]:
        """Return the paths below the root that are not there, or have another size or time than when they were made."""
        found = []
        sizes, times = self._fields[3::_COLUMNS], self._fields[6::_COLUMNS]
        for path, size_bytes, time_ns in zip(self._rows, sizes, times, strict=True):
            try:
                status = os.lstat(f"{root}/{path}")
            except OSError:
                found.append(path)
            else:
                if status.st_mtime_ns != int(time_ns) or status.st_size != int(size_bytes):
                    found.append(path)
        return tuple(found)

    @property
    def table(self) -> bytes:
        """The entries as the record keeps them."""
        return "\0".join(self._fields).encode(errors="surrogateescape")


def list_entries(made: MadeTree, root: Path) -> LinkedEntries:
    """Return the entries of the tree that was made at ``root``."""
    fields: list[str] = []
    for path, expected in sorted(made.tree.entries.items()):
        place = f"{root}/{path}"  # tens of thousands: a Path for each would take longer than to ask for it
        if not isinstance(expected, ExpectedBytecode) or os.path.isfile(place):  # noqa: PTH113
            status = os.lstat(place)
            sha256, mode, target = _describe(expected, place)
            fields += [
                path, expected.package, sha256, str(status.st_size), str(mode), target, str(status.st_mtime_ns)
            ]  # fmt: skip
    return LinkedEntries(fields)


def _describe(expected: Expected, place: str) -> tuple[str, int, str]:
    match expected:
        case ExpectedLink():
            return "", LINK_MODE, expected.target
        case ExpectedFile():
            return expected.sha256, expected.mode, ""
        case ExpectedBytecode():
            with io.FileIO(place) as stream:
                return digest_bytes(stream.readall()).hex, PLAIN, ""


def find_damage(entries: LinkedEntries, root: Path) -> tuple[str, ...]:
    """Return the paths that are not as they were made. Only files whose size or time is another are read."""
    return tuple(path for path in entries.touched(root) if not _is_same(entries[path], root / path))


def _is_same(entry: LinkedEntry, place: Path) -> bool:
    if entry.kind == "link":
        return place.is_symlink() and str(place.readlink()) == entry.target
    return place.is_file() and not place.is_symlink() and digest_file(place).hex == entry.sha256


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkedRecord:
    """What the file says; ``digest`` is what its bytes have, None before there are any."""

    entries: LinkedEntries
    variables: Mapping[str, str]
    python_version: str
    bytecode: str
    archives: Mapping[str, int]
    digest: Digest | None = field(default=None, compare=False)


def encode_record(record: LinkedRecord) -> bytes:
    """Return the record's bytes: the digest of the rest, a line of JSON, and a table whose fields NULs divide."""
    head: dict[str, Json] = {
        "variables": dict(record.variables),
        "python_version": record.python_version,
        "bytecode": record.bytecode,
        "archives": dict(record.archives),
    }
    data = encode_json(head) + b"\n" + record.entries.table
    return f"{digest_bytes(data)}\n".encode() + data


def decode_record(data: bytes, where: str) -> LinkedRecord:
    """Return the record.

    Raises:
        BadInput: its bytes are not those that were written.

    """
    digest, _, rest = data.partition(b"\n")
    line, _, table = rest.partition(b"\n")
    head = parse_json(line) if digest == str(digest_bytes(rest)).encode() else None
    if not isinstance(head, dict):
        raise BadInput("is damaged", where)
    return LinkedRecord(
        entries=LinkedEntries(table.decode(errors="surrogateescape").split("\0") if table else []),
        variables=_texts(head["variables"]),
        python_version=str(head["python_version"]),
        bytecode=str(head["bytecode"]),
        archives={name: int(size) for name, size in _texts(head["archives"]).items()},
        digest=parse_digest(digest.decode()),
    )


def _texts(value: Json) -> dict[str, str]:
    return {name: str(item) for name, item in value.items()} if isinstance(value, dict) else {}
