"""The files of a SIF, read where they lie: nothing is mounted, unpacked or copied, and no program is needed."""

from __future__ import annotations

import tarfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bindery.core import BadInput
from bindery.sif.unsquash import Unsquash

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bindery.core.tarstreams import Source
    from bindery.sif.format import Sif
    from bindery.sif.unsquash import Kind, Node

_TYPES: Mapping[Kind, bytes] = {
    "file": tarfile.REGTYPE,
    "folder": tarfile.DIRTYPE,
    "link": tarfile.SYMTYPE,
    "block": tarfile.BLKTYPE,
    "character": tarfile.CHRTYPE,
    "pipe": tarfile.FIFOTYPE,
}


@contextmanager
def open_tree(sif: Sif) -> Iterator[Unsquash]:
    """Yield the file system that containers of the SIF run in.

    Raises:
        BadInput: there is none, it is no squashfs, or it is damaged.

    """
    rootfs = sif.rootfs
    if rootfs.file_system != "squashfs":
        raise BadInput(f"runs from {rootfs.file_system}, which is not read", str(sif.path))
    with sif.path.open("rb") as file:
        yield Unsquash(file, rootfs.offset_bytes, rootfs.size_bytes, str(sif.path))


@contextmanager
def open_rootfs(sif: Sif) -> Iterator[Source]:
    """Yield that file system as the stream of a tar archive; hard links follow what they are another name of.

    Sockets are left out, since archives have no word for them. Reading raises what reading the file system raises.

    Raises:
        BadInput: there is none, it is no squashfs, or it is damaged.

    """
    with open_tree(sif) as system:
        yield _Pieces(_encode(system))


def _encode(system: Unsquash) -> Iterator[bytes]:
    names: dict[int, str] = {}
    for node in system.nodes():
        if node.kind == "socket":
            continue
        first = names.setdefault(node.number, node.path)
        yield _header(node, first)
        if node.kind == "file" and first == node.path:
            yield from system.read(node)
            yield bytes(-node.size_bytes % tarfile.BLOCKSIZE)
    yield bytes(2 * tarfile.BLOCKSIZE)


def _header(node: Node, first: str) -> bytes:
    info = tarfile.TarInfo(node.path or "./")
    info.type, info.mode, info.mtime = _TYPES[node.kind], node.mode, node.mtime_s
    info.uid, info.gid = node.owner
    info.linkname = node.target
    info.devmajor, info.devminor = node.device
    if first != node.path:
        info.type, info.linkname = tarfile.LNKTYPE, first
    elif node.kind == "file":
        info.size = node.size_bytes
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


class _Pieces:
    """Pieces of any length, read as a stream."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left = b""

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes: as many as were asked for, if there are so many."""
        parts: list[bytes] = []
        while size and (self._left or self._fill()):
            part = self._left if size < 0 else self._left[:size]
            self._left = self._left[len(part) :]
            parts.append(part)
            size -= len(part) if size > 0 else 0
        return b"".join(parts)

    def _fill(self) -> bool:
        self._left = next((piece for piece in self._pieces if piece), b"")
        return bool(self._left)
