"""Where an image is read from: a layout or a registry, blob by blob, each checked against its digests on the way."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from bindery.core import CHUNK_BYTES, BadInput
from bindery.images.compression import open_decompressed
from bindery.images.verify.entries import LayerContent
from bindery.images.verify.findings import ImageFinding
from bindery.images.verify.tar_reader import keep_nothing, read_layer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from bindery.core import Digest, Progress, Task
    from bindery.core.tarstreams import Source
    from bindery.images.layout import Image
    from bindery.images.manifest import Descriptor, ImageConfig, Manifest
    from bindery.images.verify.entries import Keeps

_SHORT = 12
EMPTY_SHA256 = hashlib.sha256().hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadLayer:
    """A layer that was read, and the words for it in findings."""

    label: str
    content: LayerContent


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadImage:
    """An image that was read to its end, and what its digests had to say.

    ``is_flat``: its layers were laid upon each other by somebody else, as in a container's export. ``config`` and
    ``annotations`` are None where they are not to be had.
    """

    layers: tuple[ReadLayer, ...]
    findings: tuple[ImageFinding, ...] = ()
    config: ImageConfig | None = None
    annotations: Mapping[str, str] | None = None
    is_flat: bool = False


class ImageSource(Protocol):
    """Where an image is read from."""

    def read(self, progress: Progress, keeps: Keeps = keep_nothing) -> ReadImage:
        """Return the image; its layers were read as streams, and nothing was kept but what was asked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BlobSource:
    """An image whose blobs are opened by their descriptors, as in a layout or a registry."""

    manifest: Manifest
    config: ImageConfig
    open_blob: Callable[[Descriptor], AbstractContextManager[Source]]

    def read(self, progress: Progress, keeps: Keeps = keep_nothing) -> ReadImage:
        """Return the image; as many layers at once as there are processors.

        Raises:
            BadInput: a layer is of a kind that is not known.
            ToolFailed: the network failed.

        """
        descriptors = self.manifest.layers
        total = sum(descriptor.size_bytes for descriptor in descriptors)
        with (
            progress.task("Reading layers", total, "bytes") as task,
            ThreadPoolExecutor(os.cpu_count() or 1) as pool,
        ):
            read = list(pool.map(lambda one: self._read_blob(one, keeps, task), descriptors))
        labels = [layer_label(number, one.digest) for number, one in enumerate(descriptors)]
        findings = [_of_layer(label, what) for label, (_, whats) in zip(labels, read, strict=True) for what in whats]
        contents = [content for content, _ in read]
        findings += compare_diff_ids(self.config.diff_ids, contents, labels)
        return ReadImage(
            layers=tuple(
                ReadLayer(label=label, content=content) for label, content in zip(labels, contents, strict=True)
            ),
            findings=tuple(findings),
            config=self.config,
            annotations=self.manifest.annotations,
        )

    def _read_blob(self, descriptor: Descriptor, keeps: Keeps, task: Task) -> tuple[LayerContent, list[str]]:
        try:
            with self.open_blob(descriptor) as raw:
                watched = _Watched(raw, task)
                guarded = _Guarded(open_decompressed(watched, descriptor.media_type))
                content = read_layer(guarded, keeps)
                watched.drain()
        except BadInput as error:
            # It is not there at all, or what it is compressed with is not known.
            return LayerContent(entries=(), oddities=(), sha256=EMPTY_SHA256), [error.what]
        whats = [*guarded.errors, *watched.errors]
        if watched.size_bytes != descriptor.size_bytes:
            whats.append(f"has {watched.size_bytes} bytes, and the manifest says {descriptor.size_bytes}")
        if watched.sha256 != descriptor.digest.hex:
            whats.append(f"has sha256 {watched.sha256[:_SHORT]}…, and the manifest says {descriptor.digest}")
        return content, list(dict.fromkeys(whats))


def layout_source(image: Image) -> BlobSource:
    """Return the image of a layout as a source."""

    def open_blob(descriptor: Descriptor) -> AbstractContextManager[Source]:
        return image.layout.open_blob(descriptor.digest)

    return BlobSource(manifest=image.manifest, config=image.config, open_blob=open_blob)


def layer_label(number: int, digest: Digest) -> str:
    """Return the words for a layer: its place from the bottom, and the beginning of its digest."""
    return f"layer {number + 1} ({digest.hex[:_SHORT]})"


def compare_diff_ids(
    diff_ids: tuple[Digest, ...], contents: list[LayerContent], labels: list[str]
) -> list[ImageFinding]:
    """Return where the layers' archives are not those that the configuration names."""
    if len(diff_ids) != len(contents):
        return [_of_layer("", f"the configuration names {len(diff_ids)} layers, and there are {len(contents)}")]
    return [
        _of_layer(label, f"its archive has sha256 {content.sha256[:_SHORT]}…, and the configuration says {digest}")
        for digest, content, label in zip(diff_ids, contents, labels, strict=True)
        if digest.hex != content.sha256
    ]


def _of_layer(label: str, what: str) -> ImageFinding:
    return ImageFinding(package="", path="", layer=label, what="digest", detail=what)


@dataclass(slots=True)
class _Guarded:
    """A stream that ends where it is damaged, so that what is before it is still looked at."""

    stream: Source
    errors: list[str] = field(default_factory=list)

    def read(self, size: int = -1, /) -> bytes:
        try:
            return self.stream.read(size)
        except BadInput as error:
            self.errors.append(error.what)
            return b""


class _Watched:
    """A stream of stored bytes that counts and digests what passes."""

    def __init__(self, stream: Source, task: Task) -> None:
        self._stream = _Guarded(stream)
        self._task = task
        self._state = hashlib.sha256()
        self.size_bytes = 0

    @property
    def errors(self) -> list[str]:
        return self._stream.errors

    @property
    def sha256(self) -> str:
        return self._state.hexdigest()

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(size)
        self._state.update(data)
        self.size_bytes += len(data)
        self._task.advance(len(data))
        return data

    def drain(self) -> None:
        while self.read(CHUNK_BYTES):
            pass
