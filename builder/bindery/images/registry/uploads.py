"""One blob on its way into a registry: in one request if it can be, going on where a cut connection left it.

Source: OCI distribution-spec v1.1, "Pushing blobs": monolithic (POST, then PUT), chunked, and mounting.
"""

from __future__ import annotations

import re
from contextlib import ExitStack
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote, urlsplit, urlunsplit

from bindery.core import ToolFailed
from bindery.images.registry.transport import Ask, InterruptedRequest, describe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    import httpx

    from bindery.core.tarstreams import Source
    from bindery.images.manifest import Descriptor
    from bindery.images.registry.transport import Transport

HowPushed = Literal["uploaded", "mounted", "there"]
PIECE_BYTES = 1 << 18
SINGLE_REQUEST_BYTES = 1 << 20
"""More than that is sent in two, PATCH and PUT: no registry goes on with a PUT that was cut, and most with a PATCH."""
FIRST_CHUNK_BYTES = 64 << 20
"""How much is sent at a time to a server that refused the whole; a quarter of it if that is refused as well."""
SMALLEST_CHUNK_BYTES = 1 << 20
_RANGE = re.compile(r"(?:bytes=)?0-(\d+)")


class BlobUpload:
    """An upload that is tried until it is done. One thread uses it."""

    def __init__(
        self,
        transport: Transport,
        name: str,
        descriptor: Descriptor,
        read: Callable[[], AbstractContextManager[Source]],
        count: Callable[[int], None],
    ) -> None:
        self._transport = transport
        self._name = name
        self._descriptor = descriptor
        self._read = read
        self._count = count
        self._scopes: tuple[str, ...] = (f"repository:{name}:pull,push",)
        self._sources: tuple[str, ...] = ()
        self._session = ""  # the URL of the upload that has begun
        self._was_tried = False
        self._chunk_bytes: int | None = None
        self._least_chunk_bytes = 0
        self._counted_bytes = 0
        self._best_offset = 0
        self._opened = ExitStack()
        self._stream: Source | None = None
        self._position = 0

    def run(self, mount_from: tuple[str, ...] = ()) -> HowPushed:
        """Return how the blob came into the repository, in which it is now.

        ``mount_from`` are repositories of the same registry that may have it; they are asked first.

        Raises:
            ToolFailed: the registry refuses, or the network failed too often.
            BadInput: the blob is damaged here.

        """
        self._sources = tuple(one for one in mount_from if one != self._name)
        with self._opened:
            return self._transport.persist(self._attempt)

    def _attempt(self) -> HowPushed:
        if self._transport.is_stopped:
            raise self._transport.left()
        offset = self._offset() if self._session else 0
        progressed, self._best_offset = offset > self._best_offset, max(offset, self._best_offset)
        try:
            return self._go_on_from(offset)
        except InterruptedRequest as error:
            error.progressed = progressed
            raise

    def _go_on_from(self, offset: int) -> HowPushed:
        if not self._session:
            # Whether the answer or the upload was lost cannot be told.
            if self._was_tried and has_blob(self._transport, self._name, self._descriptor):
                self._count_to(self._descriptor.size_bytes)
                return "uploaded"
            if self._begin():
                self._count_to(self._descriptor.size_bytes)
                return "mounted"
        self._was_tried = True
        size_bytes = self._descriptor.size_bytes
        if size_bytes <= SINGLE_REQUEST_BYTES and offset == 0 and self._chunk_bytes is None:
            self._finish(0, size_bytes)
            return "uploaded"
        while offset < size_bytes:
            end = min(offset + (self._chunk_bytes or size_bytes), size_bytes)
            self._patch(offset, end)
            offset = end
        self._finish(size_bytes, size_bytes)
        return "uploaded"

    def _begin(self) -> bool:
        """Begin an upload; answer whether the blob was mounted instead."""
        while self._sources:
            source, *rest = self._sources
            self._sources = tuple(rest)
            query = f"?mount={self._descriptor.digest}&from={quote(source, safe='')}"
            if self._post(query, (*self._scopes, f"repository:{source}:pull")):
                return True
            if not rest:
                return False
        return self._post("", self._scopes)

    def _post(self, query: str, scopes: tuple[str, ...]) -> bool:
        url = self._transport.url(f"/v2/{self._name}/blobs/uploads/{query}")
        with self._transport.answer(Ask(method="POST", url=url, scopes=scopes, content=b"")) as response:
            if response.status_code == 201:
                return True
            if response.status_code != 202:
                raise self._refused("begin an upload", describe(response))
            self._go_on(response, url)
            least = response.headers.get("OCI-Chunk-Min-Length", "")
            self._least_chunk_bytes = int(least) if least.isdigit() else 0
        return False

    def _offset(self) -> int:
        """Return how many bytes the registry has; forget the upload if it has forgotten it."""
        with self._transport.answer(Ask(method="GET", url=self._session, scopes=self._scopes)) as response:
            found = _RANGE.fullmatch(response.headers.get("Range", ""))
            if response.status_code == 204 and found:
                # 0-0 is what some say of nothing and others of one byte; of one byte nothing is lost.
                offset = int(found[1]) + 1 if int(found[1]) else 0
                if 0 < offset <= self._descriptor.size_bytes:
                    self._go_on(response, self._session)
                    return offset
        self._session = ""
        return 0

    def _patch(self, offset: int, end: int) -> None:
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(end - offset),
            "Content-Range": f"{offset}-{end - 1}",
        }
        url = self._session
        ask = Ask(
            method="PATCH", url=url, scopes=self._scopes, headers=headers, content=lambda: self._pieces(offset, end)
        )
        with self._transport.answer(ask) as response:
            if response.status_code != 202:
                raise self._failed("take a part of the blob", response)
            self._go_on(response, url)

    def _finish(self, offset: int, end: int) -> None:
        parts = urlsplit(self._session)
        digest = f"digest={quote(str(self._descriptor.digest), safe='')}"
        url = urlunsplit(parts._replace(query=f"{parts.query}&{digest}" if parts.query else digest))
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(end - offset)}
        ask = Ask(
            method="PUT", url=url, scopes=self._scopes, headers=headers, content=lambda: self._pieces(offset, end)
        )
        with self._transport.answer(ask) as response:
            if response.status_code not in {201, 204}:
                raise self._failed("take the blob", response)

    def _failed(self, what: str, response: httpx.Response) -> Exception:
        """Return what to raise: an interruption where it helps to go on or to begin anew."""
        said = describe(response)
        match response.status_code:
            case 404 | 416:
                # The upload was forgotten, or its length is another; both are seen when it is asked for.
                return InterruptedRequest(f"lost an upload: {said}")
            case 413:
                smaller = FIRST_CHUNK_BYTES if self._chunk_bytes is None else self._chunk_bytes // 4
                self._session = ""
                if smaller >= max(SMALLEST_CHUNK_BYTES, self._least_chunk_bytes):
                    self._chunk_bytes = min(smaller, max(self._descriptor.size_bytes // 2, SMALLEST_CHUNK_BYTES))
                    return InterruptedRequest(f"refuses a body of this size: {said}", 0.0)
            case _:
                pass
        return self._refused(what, said)

    def _refused(self, what: str, said: str) -> ToolFailed:
        where = f"{self._transport.host}/{self._name}"
        return ToolFailed(f"does not {what} {self._descriptor.digest}: {said}", where)

    def _go_on(self, response: httpx.Response, url: str) -> None:
        self._session = self._transport.location(response, url)

    def _pieces(self, offset: int, end: int) -> Iterator[bytes]:
        """Yield these bytes of the blob. What is before them is read as well, so that its digest is checked."""
        if offset == end:
            return
        if self._stream is None or self._position > offset:
            self._opened.close()
            self._stream, self._position = self._opened.enter_context(self._read()), 0
        stream = self._stream
        while self._position < end:
            # Pieces end where what is asked for begins.
            most = offset - self._position if self._position < offset else end - self._position
            piece = stream.read(min(PIECE_BYTES, most))
            if not piece:
                break
            self._position += len(piece)
            if self._position > offset:
                if self._transport.is_stopped:
                    raise self._transport.left()
                yield piece
                self._count_to(self._position)
        if end == self._descriptor.size_bytes:
            stream.read(1)  # whoever watches the stream wants to see its end

    def _count_to(self, position: int) -> None:
        if position > self._counted_bytes:
            self._count(position - self._counted_bytes)
            self._counted_bytes = position


def has_blob(transport: Transport, name: str, descriptor: Descriptor) -> bool:
    """Answer whether the repository has the blob; one attempt."""
    url = transport.url(f"/v2/{name}/blobs/{descriptor.digest}")
    ask = Ask(method="HEAD", url=url, scopes=(f"repository:{name}:pull,push",))
    with transport.answer(ask) as response:
        if response.status_code == 404:
            return False
        if response.status_code != 200:
            raise ToolFailed(f"answers with {describe(response)}", f"{transport.host}/{name}")
        length = response.headers.get("Content-Length", "")
        return not length.isdigit() or int(length) == descriptor.size_bytes
