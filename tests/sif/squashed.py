"""A squashfs written byte by byte, uncompressed, so that a test can have in it what no program would write."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE, FOLDER, LINK, LONG_FILE = 2, 1, 3, 9
NOTHING = 0xFFFFFFFF
BLOCK_BYTES = 4096


def stored(data: bytes) -> bytes:
    """Return a block of a table, not compressed."""
    return struct.pack("<H", len(data) | 1 << 15) + data


@dataclass(kw_only=True)
class Squashed:
    """What is in the file system: inodes by name, the root's among them, and the names in the root's order.

    Everything lies in one block: the inodes, the root's listing, one file's data. ``patches`` take the place of fields
    of the superblock, by their number.
    """

    data: bytes = b"0123456789"
    names: tuple[tuple[bytes, str], ...] = ((b"a", "file"),)
    inodes: dict[str, bytes] = field(default_factory=dict)
    patches: Mapping[int, int | bytes] = field(default_factory=dict)
    fragment: tuple[int, int] = (0, 10 | 1 << 24)
    listing: bytes | None = None
    listed_bytes: int | None = None

    def inode(self, kind: int, body: bytes, number: int = 2, mode: int = 0o644) -> bytes:
        """Return an inode of root's."""
        return struct.pack("<4H2I", kind, mode, 0, 0, 7, number) + body

    def encode(self) -> bytes:
        """Return the bytes of the file system."""
        inodes = {"file": self.inode(FILE, struct.pack("<4I", 96, 0, 0, len(self.data))), **self.inodes}
        places, table = {}, b""
        for name, raw in inodes.items():
            places[name] = len(table)
            table += raw
        if self.listing is None:
            self.listing = struct.pack("<3I", len(self.names) - 1, 0, 0) + b"".join(
                struct.pack("<HhHH", places[inode], 0, FILE, len(name) - 1) + name for name, inode in self.names
            )
        length = len(self.listing) + 3 if self.listed_bytes is None else self.listed_bytes
        root = len(table)
        table += self.inode(FOLDER, struct.pack("<2I2HI", 0, 2, length, 0, 3), 1, 0o755)
        blocks = 96 + len(self.data)
        packed = stored(table)
        listing = stored(self.listing)
        fragment = stored(struct.pack("<QII", 96 + self.fragment[0], self.fragment[1], 0))
        ids = stored(struct.pack("<I", 0))
        at_folders = blocks + len(packed)
        at_fragment = at_folders + len(listing)
        at_fragments = at_fragment + len(fragment)
        at_id = at_fragments + 8
        at_ids = at_id + len(ids)
        end = at_ids + 8
        fields: list[int | bytes] = [
            b"hsqs",
            len(inodes) + 1,
            7,
            BLOCK_BYTES,
            1,
            1,
            12,
            0,
            1,
            4,
            0,
            root,
            end,
            at_ids,
            (1 << 64) - 1,
            blocks,
            at_folders,
            at_fragments,
            (1 << 64) - 1,
        ]
        for number, value in self.patches.items():
            fields[number] = value
        head = struct.pack("<4s4I6H8Q", *fields)
        body = self.data + packed + listing + fragment + struct.pack("<Q", at_fragment)
        return head + body + ids + struct.pack("<Q", at_id)
