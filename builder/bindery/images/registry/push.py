"""An image on its way into a registry: what is missing, in parallel, its manifest, its index, and last its tags.

Whoever looks while it happens, or after it was interrupted, sees the tags on whole images.

Source: OCI distribution-spec v1.1, "Push".
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from bindery.core import WrongUse
from bindery.images.annotations import BASE_NAME
from bindery.images.manifest import INDEXES, Descriptor, Index, Manifest, parse_index, parse_manifest
from bindery.images.registry.client import RegistryClient, open_registry
from bindery.images.registry.reference import parse_reference
from bindery.images.registry.referrers import local_referrers, publish_referrer
from bindery.images.registry.workers import workers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bindery.core import Digest, Progress
    from bindery.images.layout import Image, Layout
    from bindery.images.registry.reference import Reference
    from bindery.images.registry.uploads import HowPushed


@dataclass(frozen=True, kw_only=True, slots=True)
class PushPlan:
    """What a push does. ``documents`` are manifests, then indexes; the last one is what the tags are put on.

    ``referrers`` are manifests of the layout that refer to one of them. ``blobs`` are all that these speak of, each
    once; ``missing`` are those that the repository lacks.
    """

    layout: Layout
    repository: Reference
    documents: tuple[Manifest | Index, ...]
    referrers: tuple[Manifest, ...]
    blobs: tuple[Descriptor, ...]
    missing: tuple[Descriptor, ...]
    tags: tuple[str, ...]
    mount_from: tuple[str, ...] = ()

    @property
    def digest(self) -> Digest:
        """The digest of what is pushed."""
        return self.documents[-1].digest

    @property
    def missing_bytes(self) -> int:
        """How many bytes are sent at most: what can be mounted is not sent."""
        return sum(blob.size_bytes for blob in self.missing)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pushed:
    """What a push did: how many bytes of blobs were sent, and how many blobs were there or in another repository."""

    digest: Digest
    sent_bytes: int
    uploaded: int
    mounted: int
    there: int


def push_image(
    layout: Layout,
    image: Image | Index | Descriptor,
    reference: Reference,
    tags: Sequence[str],
    *,
    progress: Progress,
) -> Digest:
    """Return the digest of the image, which the repository of the reference has now under these tags.

    Credentials, proxies and certificates come from the environment.

    Raises:
        BadInput: a blob of the image is missing or damaged here.
        ToolFailed: the registry refuses, or the network failed too often.

    """
    with open_registry(reference.api_host, os.environ) as client:
        plan = plan_push(client, layout, image, reference, tags=tags)
        return run_push(client, plan, progress).digest


def plan_push(
    client: RegistryClient,
    layout: Layout,
    image: Image | Index | Descriptor,
    repository: Reference,
    *,
    tags: Sequence[str] = (),
    mount_from: Sequence[str] = (),
) -> PushPlan:
    """Return what is to be done, after asking the registry which blobs it has; nothing is written.

    Without tags the image can be found by its digest alone. ``mount_from`` are repositories of the same registry
    that may have some of the blobs.

    Raises:
        BadInput: a document or a blob of the image is missing or damaged here.
        WrongUse: a tag cannot be one.
        ToolFailed: the registry refuses, or the network failed too often.

    """
    descriptor = image if isinstance(image, Descriptor) else image.descriptor
    where = str(repository)
    documents = read_documents(layout, descriptor, where)
    for tag in tags:
        repository.tagged(tag)
    referrers = local_referrers(layout, {document.digest for document in documents})
    blobs = {
        blob.digest: blob
        for document in (*documents, *referrers)
        if isinstance(document, Manifest)
        for blob in (document.config, *document.layers)
    }
    for blob in blobs.values():
        if not layout.has_blob(blob.digest, blob.size_bytes):
            # Before anything is sent; this says what is wrong with it.
            layout.read_blob(blob, where)
    with workers(client) as run:
        there = run(partial(client.has_blob, repository.name), tuple(blobs.values()))
    return PushPlan(
        layout=layout,
        repository=repository,
        documents=documents,
        referrers=referrers,
        blobs=tuple(blobs.values()),
        missing=tuple(blob for blob, is_there in zip(blobs.values(), there, strict=True) if not is_there),
        tags=tuple(dict.fromkeys(tags)),
        mount_from=tuple(dict.fromkeys((*mount_from, *_base_repositories(documents, repository)))),
    )


def run_push(client: RegistryClient, plan: PushPlan, progress: Progress) -> Pushed:
    """Return what was done to make the plan true.

    Raises:
        BadInput: a blob is damaged here; the tags are where they were.
        ToolFailed: the registry refuses, or the network failed too often; the tags are where they were.

    """
    repository = plan.repository
    how: list[HowPushed] = []
    if plan.missing:
        label = f"Pushing to {repository.repository}"
        # The largest first: whoever gets the last one should not get the longest.
        missing = sorted(plan.missing, key=lambda blob: -blob.size_bytes)
        with progress.task(label, plan.missing_bytes, "bytes") as task, workers(client) as run:

            def push(blob: Descriptor) -> HowPushed:
                return client.push_blob(
                    repository.name,
                    blob,
                    partial(plan.layout.open_blob, blob.digest, str(repository)),
                    mount_from=plan.mount_from,
                    count=task.advance,
                )

            how = run(push, missing)
    for document in plan.documents:
        client.put_manifest(repository.at(document.digest), document)
    for referrer in plan.referrers:
        publish_referrer(client, repository, referrer)
    for tag in plan.tags:
        client.put_manifest(repository.tagged(tag), plan.documents[-1])
    sent = [blob.size_bytes for blob, done in zip(missing, how, strict=True) if done == "uploaded"] if how else []
    return Pushed(
        digest=plan.digest,
        sent_bytes=sum(sent),
        uploaded=len(sent),
        mounted=how.count("mounted"),
        there=len(plan.blobs) - len(plan.missing),
    )


def read_documents(layout: Layout, descriptor: Descriptor, where: str) -> tuple[Manifest | Index, ...]:
    """Return the manifest, or the manifests of an index and then the index.

    Raises:
        BadInput: one of them is missing or damaged.

    """
    raw = layout.read_blob(descriptor, where)
    if descriptor.media_type not in INDEXES:
        return (parse_manifest(raw, where),)
    index = parse_index(raw, where)
    below = [document for one in index.manifests for document in read_documents(layout, one, where)]
    return (*below, index)


def _base_repositories(documents: Sequence[Manifest | Index], repository: Reference) -> Iterator[str]:
    """Yield the repositories of the bases, if they are in the same registry: they have the lowest layers."""
    for document in documents:
        with suppress(WrongUse):
            base = parse_reference(document.annotations.get(BASE_NAME, ""))
            if base.host == repository.host:
                yield base.name
