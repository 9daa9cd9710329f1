"""Layers: archives of files, whose bytes depend on what is in them and on nothing else.

Source: OCI image-spec v1.1, layer.md.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bindery.core import Digest
from bindery.core.tarstreams import folder_member, write_tar
from bindery.images.compression import COMPRESSORS, packed_sink
from bindery.images.manifest import Descriptor

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from concurrent.futures import ThreadPoolExecutor

    from bindery.core.tarstreams import Sink, TarMember
    from bindery.images.compression import Compression
    from bindery.images.layout import Layout

EPOCH_S = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """A stored layer, the digest of what it holds uncompressed, and what people call it."""

    descriptor: Descriptor
    diff_id: Digest
    title: str


def write_layer(
    members: Iterable[TarMember],
    layout: Layout,
    *,
    title: str,
    compression: Compression = "gzip",
    threads: ThreadPoolExecutor | None = None,
) -> Layer:
    """Return the layer of the members, which is a blob of the layout now.

    Folders that members lie in and that are not among them are added: root's, 0755. Memory does not grow with files'
    sizes. ``threads`` compress; without any, the layer has its own for a while.

    Raises:
        ToolFailed: the disk is full or cannot be written.

    """
    with layout.blob_writer() as blob, packed_sink(blob, compression, threads) as packed:
        plain = _Digesting(packed)
        write_tar(with_folders(members), plain, epoch_s=EPOCH_S)
    media_type = COMPRESSORS[compression].media_type
    descriptor = Descriptor(media_type=media_type, digest=blob.digest, size_bytes=blob.size_bytes)
    return Layer(descriptor=descriptor, diff_id=plain.digest, title=title)


def with_folders(members: Iterable[TarMember]) -> Iterator[TarMember]:
    """Yield the members, then the folders above them that are not among them."""
    there: set[str] = set()
    above: set[str] = set()
    for member in members:
        yield member
        there.add(member.path)
        parent = member.path.rpartition("/")[0]
        while parent and parent not in above:
            above.add(parent)
            parent = parent.rpartition("/")[0]
    yield from (folder_member(path) for path in above - there)


class _Digesting:
    """Hands bytes on, and knows their digest."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._state = hashlib.sha256()

    @property
    def digest(self) -> Digest:
        return Digest("sha256", self._state.hexdigest())

    def write(self, data: bytes, /) -> int:
        self._state.update(data)
        self._sink.write(data)
        return len(data)
