"""Images of several platforms under one name.

Source: OCI image-spec v1.1, image-index.md.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bindery.core import BadInput
from bindery.images.manifest import INDEX, Descriptor, encode_index

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bindery.images.layout import Image, Layout


def index_images(layout: Layout, images: Sequence[Image]) -> Descriptor:
    """Return an index of the images, whose blobs are in the layout, as is the index now; it has no name there.

    What all of them say in their annotations, the index says. The same images in any order give the same index.

    Raises:
        BadInput: two images are for the same platform.
        ToolFailed: the disk is full or cannot be written.

    """
    listed: dict[tuple[str, str], Descriptor] = {}
    for image in images:
        platform = (image.config.os, image.config.architecture)
        if platform in listed and listed[platform].digest != image.digest:
            raise BadInput(
                f"two images are for {'/'.join(platform)}: {listed[platform].digest} and {image.digest}",
                str(layout.root),
                "name one image for each platform",
            )
        listed[platform] = replace(image.manifest.descriptor, platform=platform)
    first, *others = (image.manifest.annotations for image in images)
    shared = {key: text for key, text in first.items() if all(one.get(key) == text for one in others)}
    raw = encode_index([listed[platform] for platform in sorted(listed)], shared)
    return Descriptor(media_type=INDEX, digest=layout.write_blob(raw), size_bytes=len(raw))
