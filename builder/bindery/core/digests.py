"""Digests of stored bytes, written as the OCI image specification writes them.

Source: OCI image-spec v1.1, descriptor.md, "Digests".
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Literal

from bindery.core.errors import BadInput

if TYPE_CHECKING:
    from pathlib import Path

Algorithm = Literal["sha256", "md5"]
CHUNK_BYTES = 1 << 20
# Compiled once: a lock has thousands of digests.
_HEX: dict[Algorithm, re.Pattern[str]] = {"sha256": re.compile("[0-9a-f]{64}"), "md5": re.compile("[0-9a-f]{32}")}


@dataclass(frozen=True, order=True, slots=True)
class Digest:
    """The digest of some bytes: ``sha256:<64 hex digits>``.

    Raises:
        BadInput: the digits are not lower-case hexadecimal of the right length.

    """

    algorithm: Algorithm
    hex: str

    def __post_init__(self) -> None:
        """Refuse anything that is not a digest."""
        pattern = _HEX.get(self.algorithm)
        if pattern is None or not pattern.fullmatch(self.hex):
            raise BadInput(f"{self.algorithm}:{self.hex} is not a digest")

    def __str__(self) -> str:
        """Return the digest as ``algorithm:hex``."""
        return f"{self.algorithm}:{self.hex}"


def parse_digest(text: str) -> Digest:
    """Return the digest that ``algorithm:hex`` names.

    Raises:
        BadInput: the text is not of that form.

    """
    algorithm, colon, digits = text.partition(":")
    match algorithm:
        case "sha256" | "md5" if colon:
            return Digest(algorithm, digits)
        case _:
            raise BadInput(f"{text} is not a digest")


def digest_bytes(data: bytes, algorithm: Algorithm = "sha256") -> Digest:
    """Return the digest of the bytes."""
    return Digest(algorithm, hashlib.new(algorithm, data, usedforsecurity=False).hexdigest())


def digest_stream(stream: IO[bytes], algorithm: Algorithm = "sha256") -> Digest:
    """Return the digest of what is left in the stream."""
    state = hashlib.new(algorithm, usedforsecurity=False)
    while chunk := stream.read(CHUNK_BYTES):
        state.update(chunk)
    return Digest(algorithm, state.hexdigest())


def digest_file(path: Path, algorithm: Algorithm = "sha256") -> Digest:
    """Return the digest of the file's bytes."""
    with path.open("rb") as stream:
        return digest_stream(stream, algorithm)


def verify_file(path: Path, expected: Digest, fix: str = "") -> None:
    """Read the file and return if its bytes have the expected digest.

    Raises:
        BadInput: they have another.

    """
    found = digest_file(path, expected.algorithm)
    if found != expected:
        raise BadInput(f"{expected.algorithm} is {found.hex}, expected {expected.hex}", str(path), fix)
