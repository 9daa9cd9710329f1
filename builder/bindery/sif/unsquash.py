"""A squashfs file system, read where it lies: inside of a larger file, without root, a mount or a copy.

Programs that unpack squashfs want a file of its own. And whoever compares what a runtime will see must not overlook
what two readers take for different things: names that a kernel would not find, or would find twice, are refused here.

Source: Linux, ``Documentation/filesystems/squashfs.rst`` and ``fs/squashfs/squashfs_fs.h``: format 4.0, little endian.
"""

from __future__ import annotations

import os
import struct
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bindery.core import BadInput
from bindery.sif.unpacking import COMPRESSORS, MOST_BLOCK_BYTES, UNPACKING_ERRORS, decompressor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

Kind = Literal["file", "folder", "link", "block", "character", "pipe", "socket"]

_SUPERBLOCK = struct.Struct("<4s4I6H8Q")
_MAGIC = b"hsqs"
_KINDS: tuple[Kind, ...] = ("folder", "file", "link", "block", "character", "pipe", "socket")
_EXTENDED = 7  # what is added to an inode's type if it has extended attributes, or more than fits
_NOTHING = 0xFFFFFFFF
_TABLE_MISSING = 0xFFFFFFFFFFFFFFFF
_METADATA_BYTES = 8192
_LONGEST_LINK = 65536
_IS_STORED_METADATA, _IS_STORED_DATA = 1 << 15, 1 << 24
_MOST_METADATA, _MOST_FRAGMENTS = 512, 64  # blocks that are kept: 4 MiB, and 8 of the usual size
_DEEPEST = 200
_FIX = "convert or fetch it again"


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """One path of the file system, relative to its root, which is empty.

    ``mode`` has twelve bits; ``target`` is what a link holds; ``number`` is the same for two names of one file;
    ``device`` are a device's major and minor numbers.
    """

    path: str
    kind: Kind
    mode: int
    owner: tuple[int, int]
    mtime_s: int
    number: int
    size_bytes: int = 0
    target: str = ""
    device: tuple[int, int] = (0, 0)
    has_attributes: bool = False
    content: _Content | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Content:
    start: int
    sizes: bytes
    fragment: tuple[int, int] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Superblock:
    inodes: int
    epoch_s: int
    block_bytes: int
    fragments: int
    compressor: int
    ids: int
    root: int
    used_bytes: int
    id_table: int
    inode_table: int
    folder_table: int
    fragment_table: int


class Unsquash:
    """A squashfs at an offset of a file that is open for reading. It holds a few MiB, whatever is in it."""

    def __init__(self, file: BinaryIO, offset_bytes: int, size_bytes: int, where: str) -> None:
        """Read what stands at its beginning.

        Raises:
            BadInput: it is no squashfs, or one that is packed by a compressor that is not read.

        """
        self._file = file
        self._offset = offset_bytes
        self._size = size_bytes
        self._where = where
        self._super = self._superblock()
        self._decompress = decompressor(self._super.compressor, where)
        self._metadata: OrderedDict[int, tuple[bytes, int]] = OrderedDict()
        self._fragment_blocks: OrderedDict[int, bytes] = OrderedDict()
        self._ids = self._lookup_ids()

    @property
    def compressor(self) -> str:
        """What it is packed with."""
        return COMPRESSORS[self._super.compressor]

    @property
    def epoch_s(self) -> int:
        """When it was made, as it says."""
        return self._super.epoch_s

    @property
    def used_bytes(self) -> int:
        """How long it is, as it says."""
        return self._super.used_bytes

    def nodes(self) -> Iterator[Node]:
        """Yield every path, folders before what is in them, the root first.

        Raises:
            BadInput: it is damaged.

        """
        root, listing = self._inode(self._super.root, "")
        if listing is None:
            raise self._damaged("its root is no folder")
        yield root
        seen = {root.number}
        waiting = [(root, listing)]
        while waiting:
            folder, place = waiting.pop()
            last = b""
            for name, reference in self._list(*place):
                if name in {b".", b".."} or b"/" in name or b"\0" in name or name <= last:
                    raise self._damaged(f"/{folder.path} has the name {name!r}, which no kernel finds")
                last = name
                text = name.decode(errors="surrogateescape")
                node, below = self._inode(reference, f"{folder.path}/{text}" if folder.path else text)
                yield node
                if below is not None:
                    if node.number in seen or node.path.count("/") > _DEEPEST:
                        raise self._damaged(f"the folder /{node.path} is in itself, or in two places")
                    seen.add(node.number)
                    waiting.append((node, below))

    def read(self, node: Node) -> Iterator[bytes]:
        """Yield the content of a file, at most a block at a time.

        Raises:
            BadInput: it is damaged.

        """
        content, left = node.content, node.size_bytes
        if content is None:
            return
        position = content.start
        for (size,) in struct.iter_unpack("<I", content.sizes):
            wanted = min(left, self._super.block_bytes)
            stored = size & (_IS_STORED_DATA - 1)
            data = self._block(position, size, wanted, f"/{node.path}") if stored else bytes(wanted)
            if len(data) != wanted:
                raise self._damaged(f"/{node.path} has a block of {len(data)} bytes, not {wanted}")
            yield data
            left -= wanted
            position += stored
        if left and content.fragment is not None:
            number, start = content.fragment
            data = self._fragment(number)[start : start + left]
            if len(data) != left:
                raise self._damaged(f"/{node.path} ends {left - len(data)} bytes too early")
            yield data

    def _superblock(self) -> _Superblock:
        raw = self._pread(0, _SUPERBLOCK.size)
        (magic, inodes, epoch_s, block_bytes, fragments, compressor, log, _, ids, major, minor, *places) = (
            _SUPERBLOCK.unpack(raw)
        )
        if magic != _MAGIC or (major, minor) != (4, 0):
            raise BadInput("holds no squashfs of format 4.0", self._where, _FIX)
        if not 12 <= log <= 20 or block_bytes != 1 << log or block_bytes > MOST_BLOCK_BYTES:
            raise self._damaged(f"its blocks have {block_bytes} bytes")
        root, used, id_table, _, inode_table, folder_table, fragment_table, _ = places
        if used > self._size:
            raise self._damaged(f"it has {used} bytes, and there is room for {self._size}")
        return _Superblock(
            inodes=inodes,
            epoch_s=epoch_s,
            block_bytes=block_bytes,
            fragments=fragments,
            compressor=compressor,
            ids=ids,
            root=root,
            used_bytes=used,
            id_table=id_table,
            inode_table=inode_table,
            folder_table=folder_table,
            fragment_table=fragment_table,
        )

    def _lookup_ids(self) -> tuple[int, ...]:
        return tuple(
            struct.unpack("<I", self._entry(self._super.id_table, number, 4))[0] for number in range(self._super.ids)
        )

    def _entry(self, table: int, number: int, size: int) -> bytes:
        """Return an entry of a table whose blocks are found through a list of their places."""
        if table == _TABLE_MISSING:
            raise self._damaged("a table is missing")
        block, at = divmod(number * size, _METADATA_BYTES)
        (place,) = struct.unpack("<Q", self._pread(table + 8 * block, 8))
        data = self._metadata_block(place)[0][at : at + size]
        if len(data) != size:
            raise self._damaged("a table ends too early")
        return data

    def _inode(self, reference: int, path: str) -> tuple[Node, tuple[int, int, int] | None]:
        """Return what is at the path, and for a folder where its listing is: block, offset and length."""
        stream = _Metadata(self, self._super.inode_table + (reference >> 16), reference & 0xFFFF)
        number, mode, uid, gid, mtime_s, inode = stream.unpack(_HEADER)
        is_extended = number > _EXTENDED
        index = number - 1 - (_EXTENDED if is_extended else 0)
        if not 0 <= index < len(_KINDS) or max(uid, gid) >= len(self._ids):
            raise self._damaged(f"/{path} is of the unknown type {number}, or has an unknown owner")
        kind = _KINDS[index]
        size, target, device, content, listing, attributes = 0, "", (0, 0), None, None, _NOTHING
        match kind:
            case "folder":
                if is_extended:
                    _, length, start, _, _, offset, attributes = stream.unpack(_LONG_FOLDER)
                else:
                    start, _, length, offset, _ = stream.unpack(_FOLDER)
                listing = (start, offset, length)
            case "file":
                if is_extended:
                    start, size, _, _, fragment, offset, attributes = stream.unpack(_LONG_FILE)
                else:
                    start, fragment, offset, size = stream.unpack(_FILE)
                content = self._content(stream, path, (start, size), (fragment, offset))
            case "link":
                _, length = stream.unpack(_LINK)
                if length > _LONGEST_LINK:
                    raise self._damaged(f"/{path} is a link to a name of {length} bytes")
                target = stream.take(length).decode(errors="surrogateescape")
                attributes = stream.unpack(_INDEX)[0] if is_extended else _NOTHING
            case "block" | "character":
                _, packed = stream.unpack(_LINK)
                device = (packed >> 8 & 0xFFF, packed & 0xFF | packed >> 12 & 0xFFF00)
                attributes = stream.unpack(_INDEX)[0] if is_extended else _NOTHING
            case "pipe" | "socket":
                stream.unpack(_INDEX)
                attributes = stream.unpack(_INDEX)[0] if is_extended else _NOTHING
        node = Node(
            path=path,
            kind=kind,
            mode=mode & 0o7777,
            owner=(self._ids[uid], self._ids[gid]),
            mtime_s=mtime_s,
            number=inode,
            size_bytes=size,
            target=target,
            device=device,
            has_attributes=attributes != _NOTHING,
            content=content,
        )
        return node, listing

    def _content(self, stream: _Metadata, path: str, where: tuple[int, int], fragment: tuple[int, int]) -> _Content:
        start, size = where
        has_fragment = fragment[0] != _NOTHING
        blocks = size // self._super.block_bytes
        if not has_fragment and size % self._super.block_bytes:
            blocks += 1
        # Each block has an entry of four bytes, so that a file cannot claim more than the table holds.
        if 4 * blocks > self._size * _METADATA_BYTES:
            raise self._damaged(f"/{path} claims to have {size} bytes")
        return _Content(start=start, sizes=stream.take(4 * blocks), fragment=fragment if has_fragment else None)

    def _list(self, start: int, offset: int, length: int) -> Iterator[tuple[bytes, int]]:
        """Yield names and references of inodes."""
        left = length - 3  # the two names that every folder has count three bytes
        stream = _Metadata(self, self._super.folder_table + start, offset)
        while left > 0:
            count, block, _ = stream.unpack(_LISTING)
            left -= _LISTING.size
            for _ in range(count + 1):
                at, _, _, last = stream.unpack(_NAME)
                name = stream.take(last + 1)
                left -= _NAME.size + len(name)
                if left < 0:
                    raise self._damaged("a folder's listing ends in a name")
                yield name, block << 16 | at

    def _fragment(self, number: int) -> bytes:
        if number >= self._super.fragments:
            raise self._damaged(f"there is no fragment {number}")
        found = self._fragment_blocks.get(number)
        if found is None:
            start, size, _ = struct.unpack("<QII", self._entry(self._super.fragment_table, number, 16))
            found = self._block(start, size, self._super.block_bytes, f"fragment {number}")
            self._fragment_blocks[number] = found
            if len(self._fragment_blocks) > _MOST_FRAGMENTS:
                self._fragment_blocks.popitem(last=False)
        else:
            self._fragment_blocks.move_to_end(number)
        return found

    def _block(self, start: int, size: int, most: int, what: str) -> bytes:
        stored = size & (_IS_STORED_DATA - 1)
        if stored > self._super.block_bytes:
            raise self._damaged(f"{what} has a block of {stored} bytes")
        raw = self._pread(start, stored)
        return raw if size & _IS_STORED_DATA else self._unpacked(raw, most, what)

    def metadata(self, place: int) -> tuple[bytes, int]:
        """Return a block of a table, and where the next one is."""
        return self._metadata_block(place)

    def _metadata_block(self, place: int) -> tuple[bytes, int]:
        found = self._metadata.get(place)
        if found is not None:
            self._metadata.move_to_end(place)
            return found
        (head,) = struct.unpack("<H", self._pread(place, 2))
        stored = head & (_IS_STORED_METADATA - 1)
        raw = self._pread(place + 2, stored)
        data = raw if head & _IS_STORED_METADATA else self._unpacked(raw, _METADATA_BYTES, "a table")
        if not data or len(data) > _METADATA_BYTES:
            raise self._damaged(f"a table has a block of {len(data)} bytes")
        self._metadata[place] = data, place + 2 + stored
        if len(self._metadata) > _MOST_METADATA:
            self._metadata.popitem(last=False)
        return self._metadata[place]

    def _unpacked(self, raw: bytes, most: int, what: str) -> bytes:
        try:
            return self._decompress(raw, most)
        except UNPACKING_ERRORS as error:
            raise self._damaged(f"{what}: {error}") from error

    def _pread(self, start: int, size: int) -> bytes:
        if start + size > self._size:
            raise self._damaged(f"it ends before byte {start + size}")
        data = os.pread(self._file.fileno(), size, self._offset + start)
        if len(data) != size:
            raise self._damaged(f"it ends before byte {start + size}")
        return data

    def _damaged(self, why: str) -> BadInput:
        text = f"its squashfs is damaged: {why}"
        return BadInput(text if text.isprintable() else repr(text)[1:-1], self._where, _FIX)


class _Metadata:
    """A table, read from a place in it; it goes on in the next block by itself."""

    def __init__(self, system: Unsquash, place: int, offset: int) -> None:
        self._system = system
        self._data, self._next = system.metadata(place)
        self._at = offset

    def unpack(self, form: struct.Struct) -> tuple[int, ...]:
        found: tuple[int, ...] = form.unpack(self.take(form.size))
        return found

    def take(self, size: int) -> bytes:
        end = self._at + size
        if end <= len(self._data):
            data, self._at = self._data[self._at : end], end
            return data
        parts = [self._data[self._at :]]
        missing = size - len(parts[0])
        while missing:
            self._data, self._next = self._system.metadata(self._next)
            parts.append(self._data[:missing])
            self._at = len(parts[-1])
            missing -= self._at
        return b"".join(parts)


_HEADER = struct.Struct("<4H2I")
_FOLDER = struct.Struct("<2I2HI")
_LONG_FOLDER = struct.Struct("<4I2HI")
_FILE = struct.Struct("<4I")
_LONG_FILE = struct.Struct("<3Q4I")
_LINK = struct.Struct("<2I")
_INDEX = struct.Struct("<I")
_LISTING = struct.Struct("<3I")
_NAME = struct.Struct("<HhHH")
