"""Layers compressed to the same bytes on every machine, on all of its cores; and layers of any kind read.

What is compressed is cut into pieces, and each is a zstd frame or a gzip member of its own (RFC 8878, 3; RFC 1952, 2.2:
a file is a series of them). So pieces are compressed side by side, and their bytes do not depend on how many at a time.

zstd makes layers a seventh smaller than gzip, for the same CPU; Docker reads them since 23.0, containerd since 1.5.
gzip is for engines before these, and for bases. Both compressors come from pinned wheels, and their bytes are the same
with and without SSE, AVX and AVX-512, which is not so for igzip (isal), though that is faster; a test compares them on
processors that lack one or the other. igzip reads, because what is read does not depend on the reader.
"""

from __future__ import annotations

import gzip
import io
import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Literal, cast

import deflate
import zstandard
from isal import igzip, isal_zlib

from bindery.core import CHUNK_BYTES, BadInput
from bindery.images.manifest import LAYER_GZIP, LAYER_ZSTD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from concurrent.futures import Future

    from _typeshed import WriteableBuffer

    from bindery.core.tarstreams import Sink, Source

Compression = Literal["zstd", "gzip"]
# More threads than this wait for the one that makes the archive.
_MOST_THREADS = 8
_ZSTD_READ_BYTES = 1024  # a few bytes can stand for 128 KiB, and all that these stand for is held at once
# isal's stubs leave its classes untyped, and call its exception an exception's instance.
_open_gzip = cast("Callable[[io.RawIOBase, str], BinaryIO]", igzip.open)
_IGZIP_ERROR = cast("type[Exception]", isal_zlib.error)
_FIX = "remove it, and make or pull the image again"


@dataclass(frozen=True, kw_only=True, slots=True)
class Compressor:
    """How pieces of a layer are compressed: its name is said by images, and is part of what layers are kept under."""

    name: str
    media_type: str
    piece_bytes: int
    compress: Callable[[bytearray], bytes | bytearray]


def _zstd(piece: bytearray) -> bytes:
    # A compressor of its own for each piece: they are not for several threads at a time.
    return zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compress(piece)


def _gzip(piece: bytearray) -> bytearray:
    return deflate.gzip_compress(piece, _GZIP_LEVEL)


_ZSTD_LEVEL, _GZIP_LEVEL = 6, 6
COMPRESSORS: Mapping[Compression, Compressor] = {
    "zstd": Compressor(
        name=f"zstandard {zstandard.__version__} level {_ZSTD_LEVEL}",
        media_type=LAYER_ZSTD,
        piece_bytes=8 << 20,  # shorter ones make layers larger, longer ones no smaller
        compress=_zstd,
    ),
    "gzip": Compressor(
        name=f"deflate {deflate.__version__} level {_GZIP_LEVEL}",
        media_type=LAYER_GZIP,
        piece_bytes=1 << 20,
        compress=_gzip,
    ),
}


def usable_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def compressing_threads() -> ThreadPoolExecutor:
    """Return threads for ``packed_sink``, which several sinks may share."""
    return ThreadPoolExecutor(min(usable_cores(), _MOST_THREADS), thread_name_prefix="compress")


@contextmanager
def packed_sink(
    sink: Sink, compression: Compression, threads: ThreadPoolExecutor | None = None
) -> Iterator[PackedSink]:
    """Yield a sink that hands on what it takes, compressed; all of it once the context ends without an error."""
    compressor = COMPRESSORS[compression]
    if threads is not None:
        writer = PackedSink(sink, compressor, threads)
        yield writer
        writer.finish()
        return
    with compressing_threads() as own:
        try:
            yield (writer := PackedSink(sink, compressor, own))
            writer.finish()
        finally:
            own.shutdown(wait=True, cancel_futures=True)


class PackedSink:
    """Takes bytes, and hands them on compressed, in order; holds a few pieces, however many there are."""

    def __init__(self, sink: Sink, compressor: Compressor, threads: ThreadPoolExecutor) -> None:
        self._sink = sink
        self._compressor = compressor
        self._threads = threads
        self._most_waiting = usable_cores() + 1
        self._piece = bytearray()
        self._waiting: deque[Future[bytes | bytearray]] = deque()
        self._is_empty = True

    def write(self, data: bytes) -> int:
        """Take the bytes, and return how many they were."""
        view = memoryview(data)
        while view:
            taken = view[: self._compressor.piece_bytes - len(self._piece)]
            self._piece += taken
            view = view[len(taken) :]
            if len(self._piece) == self._compressor.piece_bytes:
                self._compress()
        return len(data)

    def finish(self) -> None:
        """Hand on what is left. Nothing is written after it."""
        if self._piece or self._is_empty:
            self._compress()
        while self._waiting:
            self._hand_on()

    def _compress(self) -> None:
        self._is_empty = False
        self._waiting.append(self._threads.submit(self._compressor.compress, self._piece))
        self._piece = bytearray()
        while len(self._waiting) > min(self._most_waiting, _MOST_THREADS):
            self._hand_on()

    def _hand_on(self) -> None:
        self._sink.write(bytes(self._waiting.popleft().result()))


def open_decompressed(stream: Source, media_type: str, where: str = "") -> BinaryIO:
    """Return the stream of what a layer of this media type holds, which is read at most a few MiB at a time.

    The stream raises BadInput if the layer is damaged or ends too early.

    Raises:
        BadInput: layers of this type cannot be read.

    """
    raw: io.RawIOBase
    if media_type.endswith((".tar+gzip", ".tar.gzip")):
        raw = _Gunzipped(stream, where)
    elif media_type.endswith(".tar+zstd"):
        raw = _Unzstd(stream, where)
    elif media_type.endswith(".tar"):
        raw = _Plain(stream)
    else:
        raise BadInput(f"layers of type {media_type} cannot be read", where)
    return io.BufferedReader(raw, CHUNK_BYTES)


class _Readable(io.RawIOBase):
    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)
        data = self._some(len(view))
        view[: len(data)] = data
        return len(data)

    def _some(self, size: int) -> bytes:
        raise NotImplementedError


class _Plain(_Readable):
    def __init__(self, stream: Source) -> None:
        super().__init__()
        self._stream = stream

    def _some(self, size: int) -> bytes:
        return self._stream.read(size)


class _Gunzipped(_Readable):
    def __init__(self, stream: Source, where: str) -> None:
        super().__init__()
        self._file = _open_gzip(_Plain(stream), "rb")
        self._where = where

    def _some(self, size: int) -> bytes:
        try:
            return self._file.read(size)
        except (EOFError, gzip.BadGzipFile, _IGZIP_ERROR) as error:
            raise _damaged(error, self._where) from error


class _Unzstd(_Readable):
    def __init__(self, stream: Source, where: str) -> None:
        super().__init__()
        self._stream = stream
        self._where = where
        self._frame: zstandard.ZstdDecompressionObj | None = None
        self._left = b""  # read, but not decompressed
        self._ready = memoryview(b"")

    def _some(self, size: int) -> bytes:
        while not self._ready:
            packed = self._left or self._stream.read(_ZSTD_READ_BYTES)
            if not packed:
                if self._frame is not None:
                    raise _damaged("it ends in the middle of a frame", self._where)
                return b""
            self._ready = memoryview(self._decompress(packed))
        data = bytes(self._ready[:size])
        self._ready = self._ready[len(data) :]
        return data

    def _decompress(self, packed: bytes) -> bytes:
        frame = self._frame or zstandard.ZstdDecompressor().decompressobj()
        try:
            data = frame.decompress(packed)
        except zstandard.ZstdError as error:
            raise _damaged(error, self._where) from error
        self._left = frame.unused_data if frame.eof else b""
        self._frame = None if frame.eof else frame
        return data


def _damaged(why: object, where: str) -> BadInput:
    return BadInput(f"is not a whole layer: {why}", where, _FIX)
