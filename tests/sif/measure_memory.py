"""As a program: flatten an image with large files and many, and print the most memory that it took, in KiB.

``python -m tests.sif.measure_memory FOLDER LARGE_BYTES SMALL_FILES``
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import zstandard
from tests.memory import peak_kib
from tests.sif.layers import make_config

from bindery.core import Digest, NoProgress, parse_json
from bindery.core.json import encode_json
from bindery.images import make_layout, parse_manifest, read_image
from bindery.images.manifest import CONFIG, LAYER_ZSTD, Descriptor, encode_manifest
from bindery.sif import flatten_image
from bindery.sif.sources import image_layers
from bindery.sif.tar_writer import END, encode_header

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bindery.images import Image

PIECE = bytes(1 << 20)


class Counter:
    """A sink that keeps nothing."""

    def __init__(self) -> None:
        self.size_bytes = 0

    def write(self, data: bytes) -> None:
        self.size_bytes += len(data)


def archive(large_bytes: int, small_files: int) -> Iterator[bytes]:
    """Yield an archive of one large file, all zeros, and of many small ones."""
    yield encode_header("large", "file", mode=0o644, mtime_s=7, size_bytes=large_bytes)
    for _ in range(large_bytes // len(PIECE)):
        yield PIECE
    for number in range(small_files):
        path = f"lib/python3.12/site-packages/package{number // 100:05d}/module_{number:07d}.py"
        yield encode_header(path, "file", mode=0o644, mtime_s=7, size_bytes=3) + b"abc".ljust(512, b"\0")
    yield END


def write_image(root: Path, large_bytes: int, small_files: int) -> Image:
    """Return an image of one such layer; the layer is written as a stream."""
    layout = make_layout(root)
    state = hashlib.sha256()
    packer = zstandard.ZstdCompressor().compressobj()
    with layout.blob_writer() as writer:
        for piece in archive(large_bytes, small_files):
            state.update(piece)
            writer.write(packer.compress(piece))
        writer.write(packer.flush())
    layer = Descriptor(media_type=LAYER_ZSTD, digest=writer.digest, size_bytes=writer.size_bytes)
    config = parse_json(make_config(()))
    assert isinstance(config, dict)
    config["rootfs"] = {"type": "layers", "diff_ids": [str(Digest("sha256", state.hexdigest()))]}
    raw_config = encode_json(config)
    described = Descriptor(media_type=CONFIG, digest=layout.write_blob(raw_config), size_bytes=len(raw_config))
    raw = encode_manifest(described, [layer])
    layout.write_blob(raw)
    layout.tag("image", parse_manifest(raw, "image").descriptor)
    return read_image(layout, "image")


if __name__ == "__main__":
    image = write_image(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
    before_kib = peak_kib()
    counter = Counter()
    flatten_image(image_layers(image), (), counter, progress=NoProgress())
    print(before_kib, peak_kib(), counter.size_bytes)  # noqa: T201 - what the test reads
