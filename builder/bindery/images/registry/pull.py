"""An image on its way from a registry into a layout: what is missing, in parallel, checked; its name last.

Source: OCI distribution-spec v1.1, "Pull".
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bindery.core import BadInput, host_platform, oci_platform
from bindery.images.layout import Image, Layout, read_image
from bindery.images.manifest import CONFIGS, Descriptor, Index, Manifest
from bindery.images.registry.client import RegistryClient, open_registry
from bindery.images.registry.workers import workers

if TYPE_CHECKING:
    from bindery.core import Progress
    from bindery.images.registry.reference import Reference

ALL = "all"
_CHUNK_BYTES = 1 << 18


@dataclass(frozen=True, kw_only=True, slots=True)
class PullPlan:
    """What a pull does. ``documents`` are manifests, then, if all platforms are wanted, their index.

    ``descriptor`` is what gets the name. ``blobs`` are all that the manifests speak of, each once; ``missing`` are
    those that the layout lacks.
    """

    layout: Layout
    reference: Reference
    descriptor: Descriptor
    documents: tuple[Manifest | Index, ...]
    blobs: tuple[Descriptor, ...]
    missing: tuple[Descriptor, ...]

    @property
    def missing_bytes(self) -> int:
        """How many bytes of blobs are fetched."""
        return sum(blob.size_bytes for blob in self.missing)


def pull_image(
    reference: Reference, layout: Layout, progress: Progress, *, platform: str | None = None, name: str | None = None
) -> Image:
    """Return the image, which is in the layout now, under its reference or another name; verified to the last byte.

    ``platform`` is conda's word, else this machine's. Credentials, proxies and certificates come from the environment.

    Raises:
        BadInput: the image is not there, or the registry sends something else than it promised; nothing got a name.
        ToolFailed: the registry refuses, the network failed too often, or the disk is full.

    """
    with open_registry(reference.api_host, os.environ) as client:
        plan = plan_pull(client, reference, layout, platform=platform)
        run_pull(client, plan, progress, name=name or str(reference))
    return read_image(layout, str(plan.descriptor.digest))


def plan_pull(client: RegistryClient, reference: Reference, layout: Layout, *, platform: str | None = None) -> PullPlan:
    """Return what is to be done, after reading the manifests; nothing is written.

    ``platform`` is conda's word, ``all`` for every platform that there is, None for this machine's.

    Raises:
        BadInput: the image is not there, not for the platform, or not what its digest says.
        ToolFailed: the registry refuses, or the network failed too often.

    """
    document = client.get_manifest(reference)
    descriptor = document.descriptor
    documents: tuple[Manifest | Index, ...] = (document,)
    if isinstance(document, Index):
        wanted = document.manifests if platform == ALL else (_of_platform(document, reference, platform),)
        below = tuple(_checked(client, reference, one) for one in wanted)
        documents = (*below, document) if platform == ALL else below
        descriptor = descriptor if platform == ALL else wanted[0]
    blobs = {blob.digest: blob for one in documents if isinstance(one, Manifest) for blob in (one.config, *one.layers)}
    return PullPlan(
        layout=layout,
        reference=reference,
        descriptor=replace(descriptor, annotations={}),
        documents=documents,
        blobs=tuple(blobs.values()),
        missing=tuple(blob for blob in blobs.values() if not layout.has_blob(blob.digest, blob.size_bytes)),
    )


def run_pull(client: RegistryClient, plan: PullPlan, progress: Progress, *, name: str) -> None:
    """Fetch what is missing, and give the image its name.

    Raises:
        BadInput: the registry sends something else than it promised, or an image contradicts itself; nothing got a
            name.
        ToolFailed: the registry refuses, the network failed too often, or the disk is full.

    """
    layout, repository = plan.layout, plan.reference
    if plan.missing:
        missing = sorted(plan.missing, key=lambda blob: -blob.size_bytes)
        label = f"Pulling from {repository.repository}"
        with progress.task(label, plan.missing_bytes, "bytes") as task, workers(client) as run:

            def fetch(blob: Descriptor) -> None:
                with (
                    client.open_blob(repository.name, blob) as stream,
                    layout.blob_writer(blob.digest) as writer,
                ):
                    while chunk := stream.read(_CHUNK_BYTES):
                        writer.write(chunk)
                        task.advance(len(chunk))

            run(fetch, missing)
    for document in plan.documents:
        layout.write_blob(document.raw)
        if isinstance(document, Manifest) and document.config.media_type in CONFIGS:
            read_image(layout, str(document.digest))  # its documents fit together
    layout.tag(name, plan.descriptor)


def _of_platform(index: Index, reference: Reference, platform: str | None) -> Descriptor:
    wanted = platform or host_platform()
    for one in index.manifests:
        if one.platform == oci_platform(wanted):
            return one
    there = ", ".join("/".join(one.platform) for one in index.manifests if one.platform) or "none is named"
    raise BadInput(f"has no image for {wanted}: {there}", str(reference))


def _checked(client: RegistryClient, reference: Reference, wanted: Descriptor) -> Manifest | Index:
    document = client.get_manifest(reference.at(wanted.digest))
    if len(document.raw) != wanted.size_bytes:
        raise BadInput(
            f"has {len(document.raw)} bytes, and its index says {wanted.size_bytes}", str(reference.at(wanted.digest))
        )
    return document
