"""An environment linked for a place where it is not: the folder in the store that an image shows at ``target``.

Its files name ``target`` as their own, and so does its bytecode; nothing of this machine or of the store is in them. It
does not depend on where the store lies, so two stores hold the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bindery.core import digest_bytes, encode_json
from bindery.prefixes.linked_record import LinkedEntry, LinkedRecord, decode_record, encode_record, record_tree
from bindery.prefixes.making import FORMAT, make_tree

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bindery.core import Digest, Progress, Store
    from bindery.environments import Realised

KIND = "linked"
_FOLDER, _RECORD = "prefix", "entries"
_KEY_DIGITS = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkedPrefix:
    """An environment as it looks at ``target``, which need not be there; its files lie below ``root``, read-only.

    ``entries`` are every file and link, by path (relative, with ``/``), sorted. ``variables`` are what its packages set
    when it is activated at ``target``. ``bytecode`` is the version of the Python that compiled it; empty, if it has no
    bytecode. ``archives`` are the sizes of the packages' archives in bytes, by name.
    """

    root: Path
    target: str
    platform: str
    label: str
    lock_digest: Digest
    entries: Mapping[str, LinkedEntry]
    variables: Mapping[str, str]
    python_version: str
    bytecode: str
    archives: Mapping[str, int]


def ensure_linked(realised: Realised, target: str, *, store: Store, progress: Progress) -> LinkedPrefix:
    """Return the environment as it looks at ``target``, after making it if the store had none.

    Raises:
        BadInput: an archive is not what the lock says.
        CheckFailed: what was made is not what the lock makes.
        ToolFailed: fetching, linking or the disk failed.

    """
    identity = encode_json([FORMAT, str(realised.digest), realised.platform, target])
    key = digest_bytes(identity).hex[:_KEY_DIGITS]

    def build(work: Path) -> None:
        work.mkdir()
        made = make_tree(realised, target, work / _FOLDER, store=store, progress=progress)
        record = record_tree(made, work / _FOLDER)
        (work / _RECORD).write_bytes(encode_record(record))

    path = store.ensure(KIND, key, build)
    return _linked(path / _FOLDER, realised, target, decode_record((path / _RECORD).read_bytes(), str(path / _RECORD)))


def _linked(root: Path, realised: Realised, target: str, record: LinkedRecord) -> LinkedPrefix:
    return LinkedPrefix(
        root=root,
        target=target,
        platform=realised.platform,
        label=realised.label,
        lock_digest=realised.digest,
        entries=record.entries,
        variables=record.variables,
        python_version=record.python_version,
        bytecode=record.bytecode,
        archives=record.archives,
    )
