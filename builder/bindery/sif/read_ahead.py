"""A stream read by a thread of its own, a few pieces ahead, while the pieces before them are worked on."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from bindery.core import CHUNK_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bindery.core.tarstreams import Source

_PIECES = 4


class State(Protocol):
    """A digest that is being computed."""

    def update(self, data: bytes, /) -> None:
        """Take the bytes."""


@contextmanager
def read_ahead(stream: Source, state: State | None = None) -> Iterator[Iterator[bytes]]:
    """Yield the stream's pieces; once they have all been taken, the digest's state has seen each of them.

    What reading raises is raised where the piece would have been.
    """
    pieces: queue.Queue[bytes | BaseException] = queue.Queue(_PIECES)
    stop = threading.Event()
    thread = threading.Thread(target=_read, args=(stream, state, pieces, stop), name="read ahead", daemon=True)
    thread.start()
    try:
        yield _pieces(pieces)
    finally:
        stop.set()
        while thread.is_alive():
            try:
                pieces.get(timeout=0.05)  # it may wait for room
            except queue.Empty:
                continue
        thread.join()


def _pieces(pieces: queue.Queue[bytes | BaseException]) -> Iterator[bytes]:
    while piece := pieces.get():
        if isinstance(piece, BaseException):
            raise piece
        yield piece


def _read(
    stream: Source, state: State | None, pieces: queue.Queue[bytes | BaseException], stop: threading.Event
) -> None:
    try:
        # Digests and decompressors let other threads run meanwhile, so this takes as long as the slower of the two.
        with ThreadPoolExecutor(1, "digest") as threads:
            digested = None
            while not stop.is_set() and (piece := stream.read(CHUNK_BYTES)):
                if digested is not None:
                    digested.result()
                if state is not None:
                    digested = threads.submit(state.update, piece)
                pieces.put(piece)
        pieces.put(b"")
    except BaseException as error:  # noqa: BLE001 - raised again where the pieces are taken
        pieces.put(error)
