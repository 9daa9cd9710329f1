"""A small SIF, taken apart so that a test can spoil a piece of it and put it together again."""

from __future__ import annotations

import io
import subprocess
import tarfile
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tests.images.verify.images import store
from tests.images.verify.small import CLEAN, expected_image

from bindery.core import NoProgress
from bindery.images import make_layout, read_image
from bindery.sif import NewObject, Sif, convert_image, open_rootfs, read_sif, write_sif
from bindery.sif.convert import identify, metadata_objects
from bindery.sif.verify import ExpectedSif

if TYPE_CHECKING:
    from pathlib import Path

    from bindery.images import Image, ImageConfig
    from bindery.sif import SquashCompression


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """A path of the file system: its header, whose name has no dot in front, and its content."""

    info: tarfile.TarInfo
    data: bytes = b""

    @property
    def path(self) -> str:
        """The path as findings have it."""
        return f"/{self.info.name}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """What a SIF is put together of."""

    pieces: tuple[Piece, ...]
    objects: tuple[NewObject, ...]
    config: ImageConfig

    def with_pieces(self, *pieces: Piece) -> Parts:
        """Return the parts with other files."""
        return replace(self, pieces=pieces)

    def exchange(self, old: Piece, *new: Piece) -> Parts:
        """Return the parts with other files in the place of one."""
        return self.with_pieces(*(one for piece in self.pieces for one in (new if piece is old else (piece,))))


def small_image(folder: Path) -> Image:
    """Return the small image, in a layout in the folder."""
    stored = store(CLEAN)
    layout = make_layout(folder)
    for blob in (*stored.blobs.values(), stored.config.raw, stored.manifest.raw):
        layout.write_blob(blob)
    layout.tag("small", stored.manifest.descriptor)
    return read_image(layout, "small")


def make_small(folder: Path, compression: SquashCompression = "gzip") -> Sif:
    """Return a SIF of the small image."""
    image = small_image(folder / f"layout-{compression}")
    return convert_image(image, folder / f"{compression}.sif", compression=compression, progress=NoProgress())


def expected_sif() -> ExpectedSif:
    """Return what it must be."""
    return ExpectedSif(image=expected_image(), config=store(CLEAN).config)


def take_apart(sif: Sif) -> Parts:
    """Return its pieces."""
    config = store(CLEAN).config
    with open_rootfs(sif) as stream:
        data = stream.read()
    pieces = []
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for info in archive:
            content = archive.extractfile(info) if info.isreg() else None
            info.name = info.name.removeprefix("./").removeprefix(".") if info.name in {".", "./"} else info.name
            pieces.append(Piece(info=info, data=content.read() if content else b""))
    return Parts(pieces=tuple(pieces), objects=metadata_objects(config), config=config)


def put_together(parts: Parts, folder: Path) -> Sif:
    """Return a SIF of the parts, whose header fits its objects."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for piece in parts.pieces:
            piece.info.size = len(piece.data)
            piece.info.name = piece.info.name or "./"
            archive.addfile(piece.info, io.BytesIO(piece.data))
    packed = folder / "packed"
    words = ["tar2sqfs", "--quiet", "--force", "--no-skip", str(packed)]
    subprocess.run(words, input=made.getvalue(), check=True, stderr=subprocess.DEVNULL)
    rootfs = NewObject(kind="partition", content=packed)
    write_sif(folder / "spoiled.sif", (*parts.objects, rootfs), identify(parts.config, "made"))
    return read_sif(folder / "spoiled.sif")
