"""The list of an image's materials, kept beside it in the layout: whoever pushes the image pushes it as well.

Source: OCI image-spec v1.1, "Guidelines for Artifact Usage"; see ``sbom`` for what is in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bindery.environments import read_facts
from bindery.images.registry.referrers import Document, attach_locally, local_referrers

if TYPE_CHECKING:
    from bindery.core import Store
    from bindery.environments import Realised
    from bindery.images.layout import Image

MEDIA_TYPE = "application/vnd.cyclonedx+json"


def ensure_sbom(image: Image, realised: Realised, store: Store) -> None:
    """Have the image's layout list its materials as what refers to the image: they are pushed with it.

    Raises:
        BadInput: something else that refers to the image is damaged.
        ToolFailed: the disk is full or cannot be written.

    """
    there = local_referrers(image.layout, {image.digest})
    if any(one.artifact_type == MEDIA_TYPE for one in there):
        return
    # CycloneDX takes a third of a second to import, which an image that was made before should not wait for.
    from bindery.images.sbom import encode_sbom  # noqa: PLC0415

    facts = read_facts(realised.installed, store)
    licences = {url: one.licence for url, one in facts.items() if one.licence is not None}
    name, version = realised.environment.name, realised.release or ""
    data = encode_sbom(realised.lock, realised.platform, name, version, licences)
    attach_locally(
        image.layout, image.manifest.descriptor, Document(data=data, artifact_type=MEDIA_TYPE, media_type=MEDIA_TYPE)
    )
