"""Verify an image of one large file and of many small ones; print what it took at most, in bytes."""

from __future__ import annotations

import gzip
import hashlib
import sys
import tarfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.memory import peak_kib

from bindery.core import Digest, NoProgress, digest_bytes
from bindery.images.manifest import (
    CONFIG,
    LAYER_GZIP,
    ConfigFields,
    Descriptor,
    encode_config,
    encode_manifest,
    parse_config,
    parse_manifest,
)
from bindery.images.verify import BlobSource, ExpectedImage, verify_image
from bindery.prefixes import LinkedEntry, LinkedPrefix

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PREFIX = "srv/conda/envs/notebook"
LARGE_BYTES = int(sys.argv[1])
SMALL_FILES = int(sys.argv[2])
ZEROS = bytes(1 << 20)
PACKED = gzip.compress(ZEROS, 1, mtime=0)


def large() -> Iterable[tuple[bytes, bytes]]:
    """Give the archive in pieces, each with its compressed form."""
    header = tarfile.TarInfo(f"{PREFIX}/lib/large.so")
    header.size = LARGE_BYTES
    block = header.tobuf()
    yield block, gzip.compress(block, 1, mtime=0)
    for _ in range(LARGE_BYTES >> 20):
        yield ZEROS, PACKED
    yield bytes(1024), gzip.compress(bytes(1024), 1, mtime=0)


def small() -> Iterable[tuple[bytes, bytes]]:
    """Give an archive of many files."""
    for start in range(0, SMALL_FILES, 1000):
        infos = (tarfile.TarInfo(name(number)) for number in range(start, start + 1000))
        piece = b"".join(info.tobuf() for info in infos)
        yield piece, gzip.compress(piece, 1, mtime=0)


def name(number: int) -> str:
    """Return a path as long as those of packages are."""
    return f"{PREFIX}/lib/python3.12/site-packages/package{number % 100:02}/module{number}.py"


class Packed:
    """A blob that is made while it is read."""

    def __init__(self, pieces: Iterable[tuple[bytes, bytes]]) -> None:
        self._pieces = iter(pieces)
        self._left = b""

    def read(self, size: int = -1, /) -> bytes:
        """Return at most so many bytes."""
        if not self._left:
            self._left = next(self._pieces, (b"", b""))[1]
        data, self._left = self._left[:size], self._left[size:]
        return data


def main() -> None:
    """Verify the image, and say how much memory it took."""
    descriptors, diff_ids, makers = [], [], {}
    for make in (large, small):
        plain, packed, size = hashlib.sha256(), hashlib.sha256(), 0
        for piece, compressed in make():
            plain.update(piece)
            packed.update(compressed)
            size += len(compressed)
        digest = Digest("sha256", packed.hexdigest())
        descriptors.append(Descriptor(media_type=LAYER_GZIP, digest=digest, size_bytes=size))
        diff_ids.append(Digest("sha256", plain.hexdigest()))
        makers[digest] = make
    fields = ConfigFields(os="linux", architecture="amd64", diff_ids=tuple(diff_ids))
    config = parse_config(encode_config(fields), "made")
    blob = Descriptor(media_type=CONFIG, digest=config.digest, size_bytes=len(config.raw))
    manifest = parse_manifest(encode_manifest(blob, descriptors), "made")

    @contextmanager
    def open_blob(descriptor: Descriptor) -> Iterator[Packed]:
        yield Packed(makers[descriptor.digest]())

    state = hashlib.sha256()
    for _ in range(LARGE_BYTES >> 20):
        state.update(ZEROS)
    entries = {"lib/large.so": entry(state.hexdigest(), LARGE_BYTES)}
    empty = digest_bytes(b"").hex
    entries |= {name(number).removeprefix(f"{PREFIX}/"): entry(empty, 0) for number in range(SMALL_FILES)}
    linked = LinkedPrefix(
        root=Path("/nowhere"),
        target=f"/{PREFIX}",
        platform="linux-64",
        label="large",
        lock_digest=digest_bytes(b"lock"),
        entries=entries,
        variables={},
        python_version="",
        bytecode="",
        archives={},
    )
    source = BlobSource(manifest=manifest, config=config, open_blob=open_blob)
    findings = verify_image(source, ExpectedImage(linked=linked), progress=NoProgress())
    sys.stdout.write(f"{len(findings)} {peak_kib() * 1024}\n")


def entry(sha256: str, size_bytes: int) -> LinkedEntry:
    """Return what is expected of a file."""
    return LinkedEntry(package="large", kind="file", sha256=sha256, size_bytes=size_bytes, mode=0o644, target="")


main()
