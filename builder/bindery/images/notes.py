"""What the store remembers so that it need not be worked out again; a note that was damaged is as good as none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bindery.core import BadInput, digest_bytes, encode_json, write_file
from bindery.images.documents import Node

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bindery.core import Json, Store


def write_note(store: Store, kind: str, key: str, note: Mapping[str, Json]) -> None:
    """Have the store remember the note.

    Raises:
        ToolFailed: the disk is full or cannot be written.

    """
    data = encode_json(dict(note))
    write_file(store.path(kind, key), f"{digest_bytes(data)}\n".encode() + data)


def read_note(store: Store, kind: str, key: str) -> Node | None:
    """Return the note, None if there is none with the bytes that were written."""
    path = store.path(kind, key)
    try:
        digest, _, data = path.read_bytes().partition(b"\n")
        return Node.of_document(data, str(path)) if digest.decode() == str(digest_bytes(data)) else None
    except (OSError, UnicodeDecodeError, BadInput):
        return None
