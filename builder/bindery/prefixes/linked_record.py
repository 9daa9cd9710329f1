"""What is known of a linked prefix, kept in a file beside it, so that nobody has to read its files again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bindery.core import BadInput, digest_bytes, digest_file, encode_json, parse_json
from bindery.prefixes.tree import Expected, ExpectedFile, ExpectedLink

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bindery.core import Json
    from bindery.prefixes.making import MadeTree

Kind = Literal["file", "link"]
LINK_MODE = 0o777
_COLUMNS = 7
_FIX = "remove it, and run the command again"


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkedEntry:
    """A file or a link of a linked prefix; ``package`` is empty for what belongs to none.

    A file has its bytes' ``sha256`` (hex), its size and its mode (0o755 or 0o644, as an image has it; the store takes
    the write bits away). A link has the text that it holds as ``target``.
    """

    package: str
    kind: Kind
    sha256: str
    size_bytes: int
    mode: int
    target: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkedRecord:
    """What the file says. ``times_ns`` are the files' times of modification, by path: another time, another look."""

    entries: Mapping[str, LinkedEntry]
    times_ns: Mapping[str, int]
    variables: Mapping[str, str]
    python_version: str
    bytecode: str
    archives: Mapping[str, int]


def record_tree(made: MadeTree, root: Path) -> LinkedRecord:
    """Return the record of the tree that was made at ``root``."""
    entries: dict[str, LinkedEntry] = {}
    times: dict[str, int] = {}
    for path, expected in sorted(made.tree.entries.items()):
        place = root / path
        if isinstance(expected, ExpectedLink) or place.is_file():
            entries[path] = _entry(expected, place)
            times[path] = place.lstat().st_mtime_ns
    python = made.tree.python
    return LinkedRecord(
        entries=entries,
        times_ns=times,
        variables={},
        python_version=python.version if python else "",
        bytecode=python.version if python else "",
        archives={package.locked.name: package.archive.stat().st_size for package in made.contents},
    )


def _entry(expected: Expected, place: Path) -> LinkedEntry:
    match expected:
        case ExpectedLink():
            return LinkedEntry(
                package=expected.package,
                kind="link",
                sha256="",
                size_bytes=0,
                mode=LINK_MODE,
                target=expected.target,
            )
        case ExpectedFile():
            sha256, size_bytes, mode = expected.sha256, expected.size_bytes, expected.mode
        case _:
            sha256, size_bytes, mode = digest_file(place).hex, place.stat().st_size, 0o644
    return LinkedEntry(
        package=expected.package, kind="file", sha256=sha256, size_bytes=size_bytes, mode=mode, target=""
    )


def encode_record(record: LinkedRecord) -> bytes:
    """Return the record's bytes: the digest of the rest, a line of JSON, and a table whose fields NULs divide."""
    head: dict[str, Json] = {
        "variables": dict(record.variables),
        "python_version": record.python_version,
        "bytecode": record.bytecode,
        "archives": dict(record.archives),
    }
    fields = [
        field
        for path, entry in record.entries.items()
        for field in (
            path,
            entry.package,
            entry.sha256,
            str(entry.size_bytes),
            str(entry.mode),
            entry.target,
            str(record.times_ns[path]),
        )
    ]
    data = encode_json(head) + b"\n" + "\0".join(fields).encode(errors="surrogateescape")
    return f"{digest_bytes(data)}\n".encode() + data


def decode_record(data: bytes, where: str) -> LinkedRecord:
    """Return the record.

    Raises:
        BadInput: its bytes are not those that were written.

    """
    digest, _, rest = data.partition(b"\n")
    if digest != str(digest_bytes(rest)).encode():
        raise BadInput("is damaged", where, _FIX)
    line, _, table = rest.partition(b"\n")
    head = parse_json(line)
    if not isinstance(head, dict):
        raise BadInput("is damaged", where, _FIX)
    fields = table.decode(errors="surrogateescape").split("\0") if table else []
    paths = fields[::_COLUMNS]
    columns = zip(*(fields[column::_COLUMNS] for column in range(1, _COLUMNS)), strict=True)
    entries: dict[str, LinkedEntry] = {}
    times: dict[str, int] = {}
    for path, (package, sha256, size_bytes, mode, target, time_ns) in zip(paths, columns, strict=True):
        entries[path] = LinkedEntry(
            package=package,
            kind="file" if sha256 else "link",
            sha256=sha256,
            size_bytes=int(size_bytes),
            mode=int(mode),
            target=target,
        )
        times[path] = int(time_ns)
    return LinkedRecord(
        entries=entries,
        times_ns=times,
        variables=_texts(head["variables"]),
        python_version=str(head["python_version"]),
        bytecode=str(head["bytecode"]),
        archives={name: int(size) for name, size in _texts(head["archives"]).items()},
    )


def _texts(value: Json) -> dict[str, str]:
    return {name: str(item) for name, item in value.items()} if isinstance(value, dict) else {}
