"""A folder of images that skopeo, buildah and others read as well: blobs by digest, and an index of names.

A blob is written beside its place, synchronised, and renamed into it; from then on nobody changes it. The names stand
in ``index.json``, which one process changes at a time. What a killed process leaves lies in ``blobs/.work`` and is
removed by the next one that writes a blob.

Source: OCI image-spec v1.1, image-layout.md and annotations.md.
"""

from __future__ import annotations

import io
import re
from contextlib import contextmanager
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, BinaryIO

from bindery.core import (
    CHUNK_BYTES,
    BadInput,
    Digest,
    Store,
    digest_bytes,
    disk_errors,
    host_platform,
    oci_platform,
    parse_digest,
    write_file,
)
from bindery.images.blobs import BlobReader, BlobWriter, write_beside
from bindery.images.documents import Node
from bindery.images.manifest import (
    CONFIGS,
    INDEXES,
    MANIFESTS,
    REF_NAME,
    Descriptor,
    ImageConfig,
    Manifest,
    encode_index,
    parse_config,
    parse_index,
    parse_manifest,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

IMAGES = "images"  # the folder of the store's layout
SMALL_BYTES = 32 << 20
_MARK = "oci-layout"
_INDEX = "index.json"
_VERSION = '{"imageLayoutVersion":"1.0.0"}'
_COMPONENT = r"[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*"
_NAME = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_REMADE = "remove it, and make or pull the image again"


@dataclass(frozen=True, slots=True)
class Layout:
    """A folder with ``oci-layout``, ``index.json`` and ``blobs/``; see the module."""

    root: Path

    def blob_path(self, digest: Digest) -> Path:
        """Return where the blob is, or would be."""
        return self.root / "blobs" / digest.algorithm / digest.hex

    def has_blob(self, digest: Digest, size_bytes: int | None = None) -> bool:
        """Answer whether the blob is there, with that size if one is given. Its bytes are not read."""
        path = self.blob_path(digest)
        return path.is_file() and (size_bytes is None or path.stat().st_size == size_bytes)

    def read_blob(self, wanted: Descriptor | Digest, where: str) -> bytes:
        """Return a small blob: a manifest, a configuration, an artifact. ``where`` says what wants it.

        Raises:
            BadInput: it is not there, is not what its digest or size says, or is larger than ``SMALL_BYTES``.

        """
        digest = wanted.digest if isinstance(wanted, Descriptor) else wanted
        with self.open_blob(digest, where) as stream:
            data = stream.read(SMALL_BYTES)
            if stream.read(1):
                raise BadInput(f"the blob {digest} is larger than {SMALL_BYTES >> 20} MiB", where)
        if isinstance(wanted, Descriptor) and len(data) != wanted.size_bytes:
            raise BadInput(f"the blob {digest} has {len(data)} bytes, expected {wanted.size_bytes}", where)
        return data

    @contextmanager
    def open_blob(self, digest: Digest, where: str = "") -> Iterator[BinaryIO]:
        """Yield the blob as a stream; whoever reads it to its end has read the bytes of the digest.

        Raises:
            BadInput: the blob is not there, or, at its end, had other bytes.

        """
        path = self.blob_path(digest)
        try:
            raw = path.open("rb", buffering=0)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise BadInput(f"there is no blob {digest}", where or str(self.root)) from error
        reader = BlobReader(raw, digest, BadInput(f"the blob does not have its digest {digest}", str(path), _REMADE))
        with io.BufferedReader(reader, CHUNK_BYTES) as stream:
            yield stream

    def write_blob(self, data: bytes) -> Digest:
        """Return the digest of the data, which is a blob of the layout now.

        Raises:
            ToolFailed: the disk is full or cannot be written.

        """
        digest = digest_bytes(data)
        if not self._has_exactly(digest, data):
            with self.blob_writer() as writer:
                writer.write(data)
        return digest

    @contextmanager
    def blob_writer(self, expected: Digest | None = None) -> Iterator[BlobWriter]:
        """Yield a sink; what was written to it is a blob once the context ends without an error.

        Raises:
            ToolFailed: the disk is full or cannot be written.
            BadInput: a digest was expected, and the bytes have another. Nothing is left of them.

        """
        blobs = self.root / "blobs"
        with disk_errors(blobs), write_beside(blobs / ".work", self.blob_path, expected) as writer:
            yield writer

    def tag(self, name: str, descriptor: Descriptor) -> None:
        """Let the name mean the manifest or index from now on.

        Raises:
            BadInput: it cannot be a name, or there is no such blob.
            ToolFailed: the disk is full or cannot be written.

        """
        if not _NAME.fullmatch(name):
            raise BadInput(f"{name!r} cannot be the name of an image", str(self.root))
        if not self.has_blob(descriptor.digest, descriptor.size_bytes):
            raise BadInput(f"there is no blob {descriptor.digest} to be named {name}", str(self.root))
        named = replace(descriptor, annotations={**descriptor.annotations, REF_NAME: name})
        self._change(lambda entries: (*(one for one in entries if _name(one) != name), named))

    def add(self, descriptor: Descriptor) -> None:
        """List a manifest without giving it a name: what refers to an image, such as its SBOM, has none.

        Raises:
            BadInput: there is no such blob.
            ToolFailed: the disk is full or cannot be written.

        """
        if not self.has_blob(descriptor.digest, descriptor.size_bytes):
            raise BadInput(f"there is no blob {descriptor.digest} to be listed", str(self.root))
        digests = {one.digest for one in self.entries()}
        if descriptor.digest not in digests:
            self._change(lambda entries: (*entries, descriptor))

    def untag(self, name: str) -> None:
        """Take the name away; blobs stay.

        Raises:
            BadInput: there is no such name.
            ToolFailed: the disk is full or cannot be written.

        """
        self.resolve(name)
        self._change(lambda entries: tuple(one for one in entries if _name(one) != name))

    def names(self) -> Mapping[str, Descriptor]:
        """Return what each name means, sorted by name.

        Raises:
            BadInput: the index is damaged.

        """
        return dict(sorted((name, one) for one in self.entries() if (name := _name(one)) is not None))

    def entries(self) -> tuple[Descriptor, ...]:
        """Return everything that the index lists, with a name or without.

        Raises:
            BadInput: the index is damaged.

        """
        path = self.root / _INDEX
        return parse_index(path.read_bytes(), str(path)).manifests

    def resolve(self, name_or_digest: str) -> Descriptor:
        """Return the manifest or index of ``name``, ``name:tag``, ``sha256:…`` or ``name:tag@sha256:…``.

        A name without a tag that is not there means ``name:latest``. Where there is a digest, only the digest counts.

        Raises:
            BadInput: there is none; names that look like it are named.

        """
        digits = name_or_digest.rpartition("@")[2]
        if digits.startswith("sha256:"):
            return self._by_digest(parse_digest(digits), name_or_digest)
        names = self.names()
        found = names.get(name_or_digest) or names.get(f"{name_or_digest}:latest")
        if found is None:
            raise BadInput(f"there is no image {name_or_digest}", str(self.root), _near(name_or_digest, names))
        return found

    def _by_digest(self, digest: Digest, asked: str) -> Descriptor:
        for one in self.entries():
            if one.digest == digest:
                return one
        # An image whose name went to a newer one is there as long as its blobs are.
        if not self.has_blob(digest):
            raise BadInput(f"there is no image {asked}", str(self.root))
        raw = self.read_blob(digest, asked)
        media_type = Node.of_document(raw, asked).text("mediaType", "")
        parsed = parse_index(raw, asked) if media_type in INDEXES else parse_manifest(raw, asked)
        return parsed.descriptor

    def _has_exactly(self, digest: Digest, data: bytes) -> bool:
        try:
            return self.blob_path(digest).read_bytes() == data
        except OSError:
            return False

    def _change(self, change: Callable[[tuple[Descriptor, ...]], tuple[Descriptor, ...]]) -> None:
        # A store of its own below blobs/, so that the folder has no files that the specification does not know.
        with Store(self.root).lock("blobs", _INDEX):
            entries = sorted(change(self.entries()), key=lambda one: (_name(one) or "", one.digest))
            write_file(self.root / _INDEX, encode_index(entries))


@dataclass(frozen=True, kw_only=True, slots=True)
class Image:
    """An image of one platform in a layout, with its documents read and checked against their digests."""

    layout: Layout
    descriptor: Descriptor
    manifest: Manifest
    config: ImageConfig

    @property
    def digest(self) -> Digest:
        """The digest of its manifest."""
        return self.manifest.digest

    @property
    def layers(self) -> tuple[tuple[Descriptor, Digest], ...]:
        """Its layers with their diff IDs, the lowest first."""
        return tuple(zip(self.manifest.layers, self.config.diff_ids, strict=True))


def open_layout(folder: Path) -> Layout:
    """Return the layout that is there.

    Raises:
        BadInput: it is not an OCI layout, or one of another version.

    """
    mark = folder / _MARK
    if not mark.is_file() or not (folder / _INDEX).is_file():
        raise BadInput("is not an OCI layout: it lacks oci-layout or index.json", str(folder))
    node = Node.of_document(mark.read_bytes(), str(mark))
    version = node.text("imageLayoutVersion")
    if version.split(".")[0] != "1":
        raise node.error("imageLayoutVersion", f"is {version}, not 1.0.0")
    return Layout(folder)


def make_layout(folder: Path) -> Layout:
    """Return the layout in the folder, which is made if there is none.

    Raises:
        ToolFailed: the disk is full or cannot be written.
        BadInput: what is there is not a layout.

    """
    if not (folder / _MARK).is_file():
        with disk_errors(folder):
            (folder / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
        with Store(folder).lock("blobs", _INDEX):
            if not (folder / _INDEX).exists():
                write_file(folder / _INDEX, encode_index([]))
            write_file(folder / _MARK, _VERSION)
    return open_layout(folder)


def store_layout(store: Store) -> Layout:
    """Return the layout of the store's images, which is made if there is none.

    Raises:
        ToolFailed: the disk is full or cannot be written.
        BadInput: what is there is not a layout.

    """
    return make_layout(store.root / IMAGES)


def read_image(layout: Layout, name_or_digest: str, platform: str | None = None) -> Image:
    """Return the image; of an index the one for conda's ``platform``, else for this machine's, else its only one.

    Raises:
        BadInput: there is none, it is an artifact, or one of its documents is damaged.

    """
    descriptor = layout.resolve(name_or_digest)
    if descriptor.media_type in INDEXES:
        descriptor = _of_platform(layout, descriptor, name_or_digest, platform)
    if descriptor.media_type not in MANIFESTS:
        raise BadInput(f"is {descriptor.media_type}, not an image", name_or_digest)
    manifest = parse_manifest(layout.read_blob(descriptor, name_or_digest), name_or_digest)
    if manifest.config.media_type not in CONFIGS:
        raise BadInput(
            f"is an artifact of type {manifest.artifact_type or manifest.config.media_type}, not an image",
            name_or_digest,
        )
    config = parse_config(
        layout.read_blob(manifest.config, name_or_digest), f"{name_or_digest}: {manifest.config.digest}"
    )
    if len(manifest.layers) != len(config.diff_ids):
        raise BadInput(f"has {len(manifest.layers)} layers, but diff IDs for {len(config.diff_ids)}", name_or_digest)
    return Image(layout=layout, descriptor=descriptor, manifest=manifest, config=config)


def _of_platform(layout: Layout, descriptor: Descriptor, where: str, platform: str | None) -> Descriptor:
    index = parse_index(layout.read_blob(descriptor, where), where)
    # Builders list their attestations beside images, for a platform called unknown.
    images = [one for one in index.manifests if one.media_type in MANIFESTS and one.platform != ("unknown", "unknown")]
    if platform is None and len(images) == 1:
        return images[0]
    wanted = platform or host_platform()
    for one in images:
        if one.platform == oci_platform(wanted):
            return one
    there = ", ".join("/".join(one.platform) for one in images if one.platform)
    raise BadInput(f"has no image for {wanted}, only for {there}" if there else "has no images", where)


def _near(asked: str, names: Collection[str]) -> str:
    family = [name for name in names if name.partition(":")[0] == asked.partition(":")[0]]
    near = dict.fromkeys((*get_close_matches(asked, names), *family))
    return f"use {' or '.join(list(near)[:3])}" if near else ""


def _name(descriptor: Descriptor) -> str | None:
    return descriptor.annotations.get(REF_NAME)
