"""A blob of a registry as a stream: goes on after a cut connection, and checks size and digest at its end.

Source: OCI distribution-spec v1.1, "Pulling blobs"; RFC 9110, 14 for ranges.
"""

from __future__ import annotations

import hashlib
import io
import re
from contextlib import ExitStack
from typing import TYPE_CHECKING

import httpx

from bindery.core import BadInput
from bindery.images.registry.transport import Ask, InterruptedRequest, describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _typeshed import WriteableBuffer

    from bindery.images.manifest import Descriptor
    from bindery.images.registry.transport import Transport

_RANGE = re.compile(r"bytes (\d+)-\d+/(?:\d+|\*)")
NOTHING_KEPT = "nothing was kept; tell whoever runs the registry"


class BlobStream(io.RawIOBase):
    """The bytes of a blob; reading it to its end without an error gave exactly those of its digest."""

    def __init__(self, transport: Transport, ask: Ask, descriptor: Descriptor, where: str) -> None:
        super().__init__()
        self._transport = transport
        self._ask = ask
        self._descriptor = descriptor
        self._where = where
        self._state = hashlib.sha256()
        self._got_bytes = 0
        self._progressed = False
        self._connection = ExitStack()
        self._chunks: Iterator[bytes] | None = None
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """Answer that it can be read; it cannot be rewound."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill the buffer, and return how much of it; 0 at the end.

        Raises:
            BadInput: the registry sends other bytes than those of the digest, or too many, or too few.
            ToolFailed: the network failed too often, or the registry refuses.

        """
        if not self._rest:
            self._rest = memoryview(self._transport.persist(self._next))
        view = memoryview(buffer).cast("B")
        count = min(len(view), len(self._rest))
        view[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()
        super().close()

    def _next(self) -> bytes:
        """Return the next bytes, which are empty at the end."""
        if self._transport.is_stopped:
            raise self._transport.left()
        try:
            if self._chunks is None:
                self._chunks = self._open()
            chunk = next(self._chunks, b"")
        except httpx.TransportError as error:
            self._drop()
            progressed, self._progressed = self._progressed, False
            what = f"the connection was cut after {self._got_bytes} bytes of a blob: {error or type(error).__name__}"
            raise InterruptedRequest(what, progressed=progressed) from error
        except BaseException:
            self._drop()
            raise
        if chunk:
            self._progressed = True
            self._count(chunk)
        else:
            self._compare()
        return chunk

    def _open(self) -> Iterator[bytes]:
        headers = {"Range": f"bytes={self._got_bytes}-"} if self._got_bytes else {}
        if self._got_bytes and self._got_bytes == self._descriptor.size_bytes:
            return iter(())
        asked = Ask(method="GET", url=self._ask.url, scopes=self._ask.scopes, headers=headers)
        response = self._connection.enter_context(self._transport.answer(asked))
        if response.status_code == 404:
            raise BadInput("is not there", self._where)
        if response.status_code == 206 and self._got_bytes:
            found = _RANGE.match(response.headers.get("Content-Range", ""))
            if found is None or int(found[1]) != self._got_bytes:
                raise BadInput("sends another part of the blob than we asked for", self._where)
            return response.iter_raw()
        if response.status_code != 200:
            raise BadInput(f"answers with {describe(response)}", self._where)
        length = response.headers.get("Content-Length", "")
        if length.isdigit() and int(length) != self._descriptor.size_bytes:
            raise self._wrong(f"has {length} bytes, expected {self._descriptor.size_bytes}")
        return _without_first(response.iter_raw(), self._got_bytes)

    def _count(self, chunk: bytes) -> None:
        self._got_bytes += len(chunk)
        self._state.update(chunk)
        if self._got_bytes > self._descriptor.size_bytes:
            self._drop()
            raise self._wrong(f"has more bytes than the {self._descriptor.size_bytes} that it should have")

    def _compare(self) -> None:
        expected = self._descriptor
        self._drop()
        if self._got_bytes < expected.size_bytes:
            raise self._wrong(f"ends after {self._got_bytes} bytes, expected {expected.size_bytes}")
        if self._state.hexdigest() != expected.digest.hex:
            raise self._wrong(f"sha256 is {self._state.hexdigest()}, expected {expected.digest.hex}")

    def _wrong(self, what: str) -> BadInput:
        return BadInput(what, self._where, NOTHING_KEPT)

    def _drop(self) -> None:
        self._chunks = None
        self._connection.close()


def _without_first(chunks: Iterator[bytes], count: int) -> Iterator[bytes]:
    """Return what follows, where a server does not know ranges and begins anew."""
    for chunk in chunks:
        if count >= len(chunk):
            count -= len(chunk)
        else:
            yield chunk[count:]
            count = 0
