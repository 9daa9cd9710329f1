"""What a layer says of one path, as a value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["file", "folder", "link", "hardlink", "device", "pipe", "unknown"]
Keeps = Callable[[str, int], bool]
"""Answers for a path and a size in bytes whether that file's content is wanted."""
FOLDER_MODE = 0o755
ROOT = (0, 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class TarEntry:
    """One path: its kind, its mode (octal, twelve bits), its owner (user and group ID).

    ``sha256`` (raw bytes) and ``size_bytes`` are a file's. ``target`` is what a link holds, the path that a hard link
    is another name of, or a device's type and numbers. ``attributes`` are extended ones, such as capabilities, sorted.
    """

    kind: Kind
    mode: int
    owner: tuple[int, int] = ROOT
    sha256: bytes = b""
    size_bytes: int = 0
    target: str = ""
    attributes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Oddity:
    """Something that no archive of an image needs, and that programs read differently."""

    path: str
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerContent:
    """A layer, read to its end: its entries in their order, and the digest (hex) of the bytes of its archive.

    ``kept`` is the content of the files that the reader was asked to keep.
    """

    entries: tuple[tuple[str, TarEntry], ...]
    oddities: tuple[Oddity, ...]
    sha256: str
    kept: Mapping[str, bytes] = field(default_factory=dict)
