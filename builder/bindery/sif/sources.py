"""Where a SIF comes from: an image's configuration, and its layers as archives that can be read, more than once."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from bindery.core import CHUNK_BYTES
from bindery.sif.unzstd import open_archive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from bindery.core import Digest
    from bindery.core.tarstreams import Source
    from bindery.images import Descriptor, Image, ImageConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerStream:
    """A layer: what errors call it, the digest that its archive must have, and how to open that archive.

    ``size_bytes`` is how much is stored of it.
    """

    label: str
    diff_id: Digest
    size_bytes: int
    open: Callable[[], AbstractContextManager[Source]]


@dataclass(frozen=True, kw_only=True, slots=True)
class LayeredImage:
    """An image, wherever it is; the lowest layer comes first."""

    name: str
    config: ImageConfig
    layers: tuple[LayerStream, ...]

    @property
    def size_bytes(self) -> int:
        """How much is stored of all layers."""
        return sum(layer.size_bytes for layer in self.layers)


def layer_label(name: str, number: int, count: int) -> str:
    """Return what errors call a layer."""
    return f"{name}: layer {number + 1} of {count}"


def image_layers(image: Image) -> LayeredImage:
    """Return the image of a layout, as layers that can be read."""
    name = str(image.digest)
    count = len(image.layers)
    return LayeredImage(
        name=name,
        config=image.config,
        layers=tuple(
            LayerStream(
                label=(label := layer_label(name, number, count)),
                diff_id=diff_id,
                size_bytes=descriptor.size_bytes,
                open=partial(_open_layer, image, descriptor, label),
            )
            for number, (descriptor, diff_id) in enumerate(image.layers)
        ),
    )


@contextmanager
def _open_layer(image: Image, descriptor: Descriptor, label: str) -> Iterator[Source]:
    with image.layout.open_blob(descriptor.digest, label) as stored:
        with open_archive(stored, descriptor.media_type, label) as stream:
            yield stream
        # The blob's digest is compared at its end, which a decompressor need not look for.
        while stored.read(CHUNK_BYTES):
            pass
