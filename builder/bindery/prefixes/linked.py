"""An environment linked for a place where it is not: the folder in the store that an image shows at ``target``.

Its files name ``target`` as their own, and so does its bytecode; nothing of this machine or of the store is in them. It
does not depend on where the store lies, so two stores hold the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bindery.core import BadInput, digest_bytes, encode_json, remove_tree
from bindery.prefixes.activation import compute_variables
from bindery.prefixes.interpreters import choose_interpreter
from bindery.prefixes.linked_record import (
    LinkedEntry,
    LinkedRecord,
    decode_record,
    encode_record,
    find_damage,
    list_entries,
)
from bindery.prefixes.making import FORMAT, MakeOrder, make_tree

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
    when it is activated at ``target``. ``bytecode`` is the version of the Python that compiled it; empty, if it has
    none: then nothing on this machine compiles for its platform. ``archives`` are the sizes of the packages' archives
    in bytes, by name.
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
    digest: Digest | None = None
    """What identifies all of this in the store that keeps it; None where none does."""


def ensure_linked(realised: Realised, target: str, *, store: Store, progress: Progress) -> LinkedPrefix:
    """Return the environment as it looks at ``target``, after making it if the store had none.

    Raises:
        BadInput: an archive is not what the lock says, or a package sets variables that cannot be worked out.
        CheckFailed: what was made is not what the lock makes.
        ToolFailed: fetching, linking or the disk failed.

    """
    order = _order(realised, target)
    key = _key(order)
    path = store.path(KIND, key)
    record = _read(path) if path.exists() else ""
    if isinstance(record, str):
        if record:
            progress.say(f"{record}; linking again")
        with store.lock(KIND, key):
            if path.exists() and isinstance(_read(path), str):
                remove_tree(path)
        store.ensure(KIND, key, lambda work: _build(order, work, store, progress))
        record = decode_record((path / _RECORD).read_bytes(), str(path / _RECORD))
    _say_bytecode(realised, record, progress)
    return _linked(path / _FOLDER, realised, target, record)


def find_linked(realised: Realised, target: str, *, store: Store, progress: Progress) -> LinkedPrefix | None:
    """Return the environment as it was when the store got it, if it has it: none of its files is looked at."""
    path = store.path(KIND, _key(_order(realised, target)))
    record = _read_record(path)
    if record is None:
        return None
    _say_bytecode(realised, record, progress)
    return _linked(path / _FOLDER, realised, target, record)


def _order(realised: Realised, target: str) -> MakeOrder:
    return MakeOrder(realised=realised, prefix=target, interpreter=choose_interpreter(realised), keeps_bytecode=True)


def _key(order: MakeOrder) -> str:
    compiler = order.interpreter.version if order.interpreter else ""
    identity = encode_json([FORMAT, str(order.realised.digest), order.realised.platform, order.prefix, compiler])
    return digest_bytes(identity).hex[:_KEY_DIGITS]


def _build(order: MakeOrder, work: Path, store: Store, progress: Progress) -> None:
    work.mkdir()
    made = make_tree(order, work / _FOLDER, store=store, progress=progress)
    entries = list_entries(made, work / _FOLDER)
    variables = compute_variables(made.tree, made.contents, work / _FOLDER)
    record = LinkedRecord(
        entries=entries,
        variables=variables,
        python_version=made.tree.python.version if made.tree.python else "",
        bytecode=order.interpreter.version if order.interpreter else "",
        archives={package.locked.name: package.archive.stat().st_size for package in made.contents},
    )
    (work / _RECORD).write_bytes(encode_record(record))


def _read(path: Path) -> LinkedRecord | str:
    """Return the record of what lies there, or why it is not what was made."""
    record = _read_record(path)
    if record is None:
        return f"{path}: its list of files is damaged"
    damaged = find_damage(record.entries, path / _FOLDER)
    return f"{path / _FOLDER}: {damaged[0]} was changed" if damaged else record


def _read_record(path: Path) -> LinkedRecord | None:
    try:
        return decode_record((path / _RECORD).read_bytes(), str(path / _RECORD))
    except (BadInput, OSError):
        return None


def _say_bytecode(realised: Realised, record: LinkedRecord, progress: Progress) -> None:
    if record.bytecode == record.python_version:
        return
    python = f"Python {record.python_version} of {realised.platform}"
    if record.bytecode:
        progress.say(f"{realised.label}: Python {record.bytecode} compiled the bytecode, in the place of {python}")
    else:
        progress.say(f"{realised.label}: has no bytecode, since nothing here compiles for {python}; imports are slow")


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
        digest=record.digest,
    )
