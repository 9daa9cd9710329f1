"""Base, layers and settings → an image in a layout.

Source: OCI image-spec v1.1, manifest.md and config.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from bindery.core import CHUNK_BYTES
from bindery.images.layout import Image, read_image
from bindery.images.manifest import (
    CONFIG,
    DOCKER_LAYER_GZIP,
    DOCKER_LAYER_TAR,
    LAYER_GZIP,
    LAYER_TAR,
    ConfigFields,
    Descriptor,
    HistoryEntry,
    encode_config,
    encode_manifest,
    parse_manifest,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bindery.images.layers import Layer
    from bindery.images.layout import Layout

# The same bytes under OCI's name: an OCI manifest should not list Docker's types.
_SAME = {DOCKER_LAYER_TAR: LAYER_TAR, DOCKER_LAYER_GZIP: LAYER_GZIP}


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageRecipe:
    """What an image is made of. ``env`` is added to the base's; everything else takes the place of the base's."""

    base: Image
    layers: tuple[Layer, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    user: str = ""
    working_dir: str = ""
    ports: tuple[str, ...] = ()


def assemble_image(recipe: ImageRecipe, layout: Layout, name: str) -> Image:
    """Return the image, which has the name in the layout now.

    Raises:
        BadInput: the name cannot be one, or a blob of the base is missing or damaged.
        ToolFailed: the disk is full or cannot be written.

    """
    _bring(recipe.base, layout)
    raw_config = encode_config(plan_config(recipe))
    config = Descriptor(media_type=CONFIG, digest=layout.write_blob(raw_config), size_bytes=len(raw_config))
    below = (replace(one, media_type=_SAME.get(one.media_type, one.media_type)) for one in recipe.base.manifest.layers)
    layers = (*below, *(layer.descriptor for layer in recipe.layers))
    raw = encode_manifest(config, layers, recipe.annotations)
    layout.write_blob(raw)
    manifest = parse_manifest(raw, name)
    platform = (recipe.base.config.os, recipe.base.config.architecture)
    layout.tag(name, replace(manifest.descriptor, platform=platform))
    return read_image(layout, str(manifest.digest))


def plan_config(recipe: ImageRecipe) -> ConfigFields:
    """Return the image's configuration; it says nothing of when or where it was made."""
    base = recipe.base.config
    history = base.history
    if sum(not one.empty for one in history) != len(base.diff_ids):
        # Some builders leave it out, but it is for every layer or for none.
        history = tuple(HistoryEntry(created_by="base") for _ in base.diff_ids)
    return ConfigFields(
        os=base.os,
        architecture=base.architecture,
        env=_merged(base.env, recipe.env),
        labels=recipe.labels,
        entrypoint=recipe.entrypoint,
        cmd=recipe.cmd,
        user=recipe.user,
        working_dir=recipe.working_dir,
        exposed_ports=tuple(sorted(recipe.ports)),
        stop_signal=base.stop_signal,
        diff_ids=(*base.diff_ids, *(layer.diff_id for layer in recipe.layers)),
        history=(*history, *(HistoryEntry(created_by=f"bindery: {layer.title}") for layer in recipe.layers)),
    )


def _merged(env: tuple[str, ...], more: Mapping[str, str]) -> tuple[str, ...]:
    """Return the variables in the base's order, then the new ones, sorted: mappings come in any order."""
    values = {name: value for name, _, value in (one.partition("=") for one in env)} | dict(sorted(more.items()))
    return tuple(f"{name}={value}" for name, value in values.items())


def _bring(base: Image, layout: Layout) -> None:
    """Copy the base's layers, if they lie in another layout."""
    for layer in base.manifest.layers:
        if layout.has_blob(layer.digest, layer.size_bytes):
            continue
        with base.layout.open_blob(layer.digest) as stream, layout.blob_writer(layer.digest) as blob:
            while data := stream.read(CHUNK_BYTES):
                blob.write(data)
