"""How the blocks of a squashfs are unpacked, into no more bytes than they may stand for.

Source: Linux, ``fs/squashfs/squashfs_fs.h``, for the numbers of compressors.
"""

from __future__ import annotations

import lzma
import zlib
from typing import TYPE_CHECKING

import zstandard

from bindery.core import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MOST_BLOCK_BYTES = 1 << 20
UNPACKING_ERRORS = (zlib.error, zstandard.ZstdError, lzma.LZMAError, ValueError)


def _gunzip(data: bytes, most: int) -> bytes:
    stream = zlib.decompressobj()
    found = stream.decompress(data, most)
    if not stream.eof and stream.decompress(stream.unconsumed_tail, 1):
        raise ValueError(f"stands for more than {most} bytes")
    if not stream.eof:
        raise ValueError("ends too early")
    return found


def _unzstd(data: bytes, most: int) -> bytes:
    # A frame that says how much it stands for is given as much, whatever the limit.
    if zstandard.frame_content_size(data) > most:
        raise ValueError(f"stands for more than {most} bytes")
    return zstandard.ZstdDecompressor(max_window_size=max(most, MOST_BLOCK_BYTES)).decompress(data, most)


def _unxz(data: bytes, most: int) -> bytes:
    stream = lzma.LZMADecompressor(lzma.FORMAT_XZ)
    found = stream.decompress(data, most)
    if not stream.eof and stream.decompress(b"", 1):
        raise ValueError(f"stands for more than {most} bytes")
    if not stream.eof:
        raise ValueError("ends too early")
    return found


COMPRESSORS: Mapping[int, str] = {1: "gzip", 2: "lzma", 3: "lzo", 4: "xz", 5: "lz4", 6: "zstd"}
_UNPACKERS: Mapping[int, Callable[[bytes, int], bytes]] = {1: _gunzip, 4: _unxz, 6: _unzstd}


def decompressor(number: int, where: str) -> Callable[[bytes, int], bytes]:
    """Return what unpacks a block into at most so many bytes; it raises one of ``UNPACKING_ERRORS``.

    Raises:
        BadInput: that compressor is not known here.

    """
    found = _UNPACKERS.get(number)
    if found is None:
        name = COMPRESSORS.get(number, f"compressor {number}")
        raise BadInput(f"is packed by {name}, which is not read", where, "convert it with --compression gzip")
    return found
