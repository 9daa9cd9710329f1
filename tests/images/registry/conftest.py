"""Small images, and clients that do not wait long."""

from __future__ import annotations

import random
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from bindery.images.layout import Image, Layout, make_layout, read_image
from bindery.images.manifest import (
    CONFIG,
    LAYER_TAR,
    MANIFEST,
    ConfigFields,
    Descriptor,
    encode_config,
    encode_manifest,
)
from bindery.images.registry import Reference, RegistryClient, Retries, open_registry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

QUICK = Retries(first_pause_s=0.01, longest_pause_s=0.05)
SIZES = (10, 100_000, 3_000_000)
"""Bytes of the layers of an image: one is sent in two requests."""


@dataclass(frozen=True, slots=True)
class Place:
    """A registry's host and the environment that finds credentials and certificates for it."""

    host: str
    environ: Mapping[str, str]

    def reference(self, name: str, tag: str | None = None) -> Reference:
        """Return a reference to this registry."""
        return Reference(host=self.host, name=name, tag=tag)


def make_image(
    layout: Layout,
    name: str = "image",
    *,
    seed: int = 1,
    sizes: Sequence[int] = SIZES,
    architecture: str = "amd64",
    annotations: Mapping[str, str] | None = None,
) -> Image:
    """Return an image whose layers are noise, which no compressor of a server can make smaller."""
    noise = random.Random(seed)  # noqa: S311 - noise that is the same each time
    blobs = [noise.randbytes(size) for size in sizes]
    layers = [Descriptor(media_type=LAYER_TAR, digest=layout.write_blob(data), size_bytes=len(data)) for data in blobs]
    raw_config = encode_config(
        ConfigFields(os="linux", architecture=architecture, diff_ids=tuple(layer.digest for layer in layers))
    )
    config = Descriptor(media_type=CONFIG, digest=layout.write_blob(raw_config), size_bytes=len(raw_config))
    raw = encode_manifest(config, layers, annotations)
    layout.tag(name, Descriptor(media_type=MANIFEST, digest=layout.write_blob(raw), size_bytes=len(raw)))
    return read_image(layout, name)


@contextmanager
def open_quickly(place: Place, *, plain_http: bool = False) -> Iterator[RegistryClient]:
    """Yield a client that does not wait long between attempts."""
    with open_registry(place.host, place.environ, plain_http=plain_http, retries=QUICK) as client:
        yield client


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """Return an empty layout."""
    return make_layout(tmp_path / "layout")


@pytest.fixture
def other(tmp_path: Path) -> Layout:
    """Return another empty layout: another machine's."""
    return make_layout(tmp_path / "other")


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """Return an environment whose HOME is empty, so that no credentials of ours are found."""
    (tmp_path / "home").mkdir()
    return {"HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin"}
