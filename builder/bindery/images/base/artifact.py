"""A base as a file or folder that is kept and handed on: mirrors drop old versions of packages.

It is an OCI layout, so that other tools read it too, or a tar of one.

Source: OCI image-spec v1.1, image-layout.md.
"""

from __future__ import annotations

import shutil
import tarfile
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bindery.core import CHUNK_BYTES, BadInput, disk_errors, inner_path
from bindery.core.tarstreams import file_member, write_tar
from bindery.images.annotations import BASE_DIGEST, BASE_NAME
from bindery.images.layout import Image, Layout, make_layout, open_layout, read_image
from bindery.images.manifest import INDEXES, MANIFESTS

if TYPE_CHECKING:
    from collections.abc import Iterator

ARCHIVE_SUFFIX = ".tar"


def export_base(image: Image, name: str, path: Path) -> None:
    """Put the image under its name at the path: into a tar file if the path ends in ``.tar``, else into a folder.

    Raises:
        BadInput: a blob is missing or damaged, or what is at the path is no layout.
        ToolFailed: the disk is full or cannot be written.

    """
    if path.suffix != ARCHIVE_SUFFIX:
        copy_image(image, make_layout(path)).layout.tag(name, image.manifest.descriptor)
        return
    with disk_errors(path), tempfile.TemporaryDirectory(prefix=".bindery-", dir=path.parent) as work:
        folder = Path(work) / "layout"
        export_base(image, name, folder)
        shutil.rmtree(folder / "blobs" / ".work", ignore_errors=True)
        shutil.rmtree(folder / "blobs" / ".locks", ignore_errors=True)
        files = [one for one in folder.rglob("*") if one.is_file()]
        made = Path(work) / "made"
        with made.open("wb") as sink:
            write_tar((file_member(one.relative_to(folder).as_posix(), one) for one in files), sink, epoch_s=0)
        made.replace(path)


def export_base_of(image: Image, path: Path) -> None:
    """Put the base that the image says it stands on at the path, as ``export_base`` does.

    Raises:
        BadInput: the image does not say it, or the base is not in its layout.
        ToolFailed: the disk is full or cannot be written.

    """
    digest, name = (image.manifest.annotations.get(key, "") for key in (BASE_DIGEST, BASE_NAME))
    if not digest:
        raise BadInput("does not say on which base it stands", str(image.digest))
    export_base(read_image(image.layout, digest), name.removeprefix("docker://") or "base", path)


def import_base(path: Path, reference: str, layout: Layout, platform: str) -> tuple[Image, str]:
    """Return the image, which is in the layout now, and the name that it has in the artifact, or its digest.

    Raises:
        BadInput: there is no such layout or image, or a blob of it is missing or damaged.
        ToolFailed: the disk is full or cannot be written.

    """
    with _opened(path) as source:
        name = reference or _only_name(source)
        image = read_image(source, name, platform)
        return copy_image(image, layout), name


def copy_image(image: Image, layout: Layout) -> Image:
    """Return the image as it is in the other layout, with all of its blobs.

    Raises:
        BadInput: a blob is missing or damaged.
        ToolFailed: the disk is full or cannot be written.

    """
    # The manifest comes last: where it is, everything is.
    for one in (*image.manifest.layers, image.manifest.config, image.manifest.descriptor):
        if layout.has_blob(one.digest, one.size_bytes):
            continue
        with image.layout.open_blob(one.digest) as source, layout.blob_writer(one.digest) as sink:
            while chunk := source.read(CHUNK_BYTES):
                sink.write(chunk)
    return read_image(layout, str(image.manifest.digest))


def _only_name(source: Layout) -> str:
    images = [one for one in source.entries() if one.media_type in MANIFESTS | INDEXES and not one.artifact_type]
    if len(images) != 1:
        names = ", ".join(source.names()) or "none with a name"
        raise BadInput(f"has {len(images)} images: {names}", str(source.root), "write oci:FOLDER:NAME")
    named = [name for name, one in source.names().items() if one.digest == images[0].digest]
    return named[0] if named else str(images[0].digest)


@contextmanager
def _opened(path: Path) -> Iterator[Layout]:
    if not path.is_file():
        yield open_layout(path)
        return
    with tempfile.TemporaryDirectory(prefix="bindery-base-") as work:
        with disk_errors(Path(work)):
            _unpack(path, Path(work))
        yield open_layout(Path(work))


def _unpack(path: Path, folder: Path) -> None:
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                stream = archive.extractfile(member) if member.isreg() else None
                if stream is not None:
                    target = folder / inner_path(member.name, str(path))
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with target.open("wb") as sink:
                        shutil.copyfileobj(stream, sink, CHUNK_BYTES)
    except (tarfile.TarError, EOFError) as error:
        raise BadInput(f"is not an OCI layout, nor a tar of one: {error}", str(path)) from error
