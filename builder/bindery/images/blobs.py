"""Streams into and out of the blobs of a layout, which count and digest what passes."""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import secrets
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from bindery.core import BadInput, Digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from _typeshed import WriteableBuffer

READ_ONLY = 0o444
# Parts that this process writes: a network file system may let one process lock the same file twice.
_OWN: set[Path] = set()


class BlobReader(io.RawIOBase):
    """A file whose reader gets an error at its end if what it read has another digest."""

    def __init__(self, raw: io.FileIO, expected: Digest, error: BadInput) -> None:
        super().__init__()
        self._raw = raw
        self._expected = expected
        self._error = error
        self._state = hashlib.new(expected.algorithm, usedforsecurity=False)

    def readable(self) -> bool:
        """Answer that it can be read; it cannot be rewound."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill the buffer, and return how much of it.

        Raises:
            BadInput: this is the end, and the digest is another.

        """
        count = self._raw.readinto(buffer)
        if count:
            self._state.update(memoryview(buffer)[:count])
        elif self._state.hexdigest() != self._expected.hex:
            raise self._error
        return count or 0

    def close(self) -> None:
        """Close the file."""
        self._raw.close()
        super().close()


class BlobWriter:
    """A sink for one blob; ``digest`` and ``size_bytes`` are of what was written so far."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._state = hashlib.sha256()
        self.size_bytes = 0

    @property
    def digest(self) -> Digest:
        """The digest of what was written so far."""
        return Digest("sha256", self._state.hexdigest())

    def write(self, data: bytes) -> int:
        """Take the bytes, and return how many they were."""
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]
        self._state.update(data)
        self.size_bytes += len(data)
        return len(data)


@contextmanager
def write_beside(works: Path, place: Callable[[Digest], Path], expected: Digest | None) -> Iterator[BlobWriter]:
    """Yield a sink; what was written lies in its place once the context ends without an error.

    Raises:
        BadInput: a digest was expected, and the bytes have another.

    """
    works.mkdir(parents=True, exist_ok=True)
    _remove_left_over(works)
    part, descriptor = _open_part(works)
    try:
        writer = BlobWriter(descriptor)
        yield writer
        digest = writer.digest
        _compare(digest, expected)
        os.fchmod(descriptor, READ_ONLY)
        os.fsync(descriptor)
        target = place(digest)
        target.parent.mkdir(parents=True, exist_ok=True)
        # Over a blob that is there as well: if its bytes were damaged, they are right now.
        part.replace(target)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise
    finally:
        os.close(descriptor)
        _OWN.discard(part)


def _compare(found: Digest, expected: Digest | None) -> None:
    if expected is not None and found != expected:
        raise BadInput(f"sha256 is {found.hex}, expected {expected.hex}", f"blob {expected}")


def _open_part(works: Path) -> tuple[Path, int]:
    while True:
        part = works / secrets.token_hex(8)
        _OWN.add(part)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        # While its writer lives, it holds this lock; that is how others know that it is not left over.
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if part.exists():
            return part, descriptor
        os.close(descriptor)  # somebody took it for left over between the two calls
        _OWN.discard(part)


def _remove_left_over(works: Path) -> None:
    for part in set(works.iterdir()) - _OWN:
        with suppress(OSError):  # where there are no locks, or it is somebody else's, it stays
            # NFS locks only what is open for writing; a part that was whole is read-only already.
            descriptor = os.open(part, os.O_RDWR if os.access(part, os.W_OK) else os.O_RDONLY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                part.unlink()
            finally:
                os.close(descriptor)
