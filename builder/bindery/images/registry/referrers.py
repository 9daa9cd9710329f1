"""What refers to an image: its list of materials, a signature, a report; pushed beside it, found by its digest.

Source: OCI image-spec v1.1, "Guidelines for Artifact Usage"; OCI distribution-spec v1.1, "Pushing Manifests with
Subject" and "Referrers Tag Schema", which is what registries without a list of referrers are given.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from bindery.core import BadInput, ToolFailed, digest_bytes
from bindery.images.manifest import (
    EMPTY,
    MANIFESTS,
    Descriptor,
    Index,
    Manifest,
    encode_index,
    encode_manifest,
    parse_index,
    parse_manifest,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from bindery.core import Digest
    from bindery.images.layout import Layout
    from bindery.images.registry.client import RegistryClient
    from bindery.images.registry.reference import Reference

ATTEMPTS = 5
_EMPTY_BYTES = b"{}"
_EMPTY_CONFIG = Descriptor(media_type=EMPTY, digest=digest_bytes(_EMPTY_BYTES), size_bytes=len(_EMPTY_BYTES))


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """Some bytes that say something of an image. ``artifact_type`` and ``media_type`` are usually the same."""

    data: bytes
    artifact_type: str
    media_type: str
    annotations: Mapping[str, str] = field(default_factory=dict)


def attach_document(
    client: RegistryClient, repository: Reference, subject: Descriptor, document: Document
) -> Descriptor:
    """Return the manifest through which the document refers to the subject, an image of this repository.

    The same document for the same image gives the same manifest, which is listed once.

    Raises:
        ToolFailed: the registry refuses, or failed too often.
        BadInput: the list that is there cannot be read.

    """
    manifest, blobs = encode_referrer(subject, document)
    for blob, data in zip((manifest.config, *manifest.layers), blobs, strict=True):
        if not client.has_blob(repository.name, blob):
            client.push_blob(repository.name, blob, partial(io.BytesIO, data))
    return publish_referrer(client, repository, manifest)


def attach_locally(layout: Layout, subject: Descriptor, document: Document) -> Descriptor:
    """Return the manifest through which the document refers to the subject, in the layout; it is pushed with it.

    Raises:
        ToolFailed: the disk is full or cannot be written.

    """
    manifest, blobs = encode_referrer(subject, document)
    for data in (*blobs, manifest.raw):
        layout.write_blob(data)
    listed = _listed(manifest)
    layout.add(listed)
    return listed


def local_referrers(layout: Layout, subjects: Collection[Digest]) -> tuple[Manifest, ...]:
    """Return what refers to one of the subjects in the layout, in the order of its index.

    Raises:
        BadInput: a manifest is damaged.

    """
    where = str(layout.root)
    unnamed = [
        one for one in layout.entries() if one.media_type in MANIFESTS and one.artifact_type and _is_there(layout, one)
    ]
    found = [parse_manifest(layout.read_blob(one, where), f"{where}: {one.digest}") for one in unnamed]
    return tuple(one for one in found if one.subject is not None and one.subject.digest in subjects)


def encode_referrer(subject: Descriptor, document: Document) -> tuple[Manifest, tuple[bytes, bytes]]:
    """Return the manifest through which the document refers to the subject, and its two blobs."""
    layer = Descriptor(
        media_type=document.media_type, digest=digest_bytes(document.data), size_bytes=len(document.data)
    )
    bare = Descriptor(media_type=subject.media_type, digest=subject.digest, size_bytes=subject.size_bytes)
    raw = encode_manifest(_EMPTY_CONFIG, (layer,), document.annotations, bare, document.artifact_type)
    return parse_manifest(raw, document.artifact_type), (_EMPTY_BYTES, document.data)


def publish_referrer(client: RegistryClient, repository: Reference, manifest: Manifest) -> Descriptor:
    """Return the descriptor under which the registry lists the manifest now; its blobs are there already.

    Raises:
        ToolFailed: the registry refuses, or failed too often.
        BadInput: the list that is there cannot be read, or the manifest has no subject.

    """
    if manifest.subject is None:
        raise BadInput("refers to nothing", str(repository.at(manifest.digest)))
    listed = _listed(manifest)
    if not client.put_manifest(repository.at(manifest.digest), manifest):
        _list_by_tag(client, repository, manifest.subject.digest, listed)
    return listed


def find_referrers(
    client: RegistryClient, repository: Reference, subject: Digest, artifact_type: str | None = None
) -> tuple[Descriptor, ...]:
    """Return what refers to the subject, in the registry's order; only that of this type, if one is given.

    Raises:
        ToolFailed: the registry refuses, or failed too often.
        BadInput: the list cannot be read.

    """
    index = client.get_referrers(repository, subject) or _tagged_list(client, repository, subject)
    found = () if index is None else index.manifests
    return tuple(one for one in found if artifact_type in {None, one.artifact_type})


def read_document(client: RegistryClient, repository: Reference, referrer: Descriptor) -> bytes:
    """Return the bytes of a document that was attached: those of its manifest's only layer, verified.

    Raises:
        ToolFailed: the registry refuses, or failed too often.
        BadInput: it is not there, is something else than was promised, or has another number of layers.

    """
    manifest = client.get_manifest(repository.at(referrer.digest))
    if not isinstance(manifest, Manifest) or len(manifest.layers) != 1:
        raise BadInput("is no document of one part", str(repository.at(referrer.digest)))
    with client.open_blob(repository.name, manifest.layers[0]) as stream:
        return stream.read()


def referrers_tag(subject: Digest) -> str:
    """Return the tag of the list of what refers to the subject, where the registry keeps none."""
    return f"{subject.algorithm}-{subject.hex}"


def _listed(manifest: Manifest) -> Descriptor:
    """Return the manifest as a list of referrers has it."""
    return replace(manifest.descriptor, annotations=manifest.annotations)


def _is_there(layout: Layout, descriptor: Descriptor) -> bool:
    return layout.has_blob(descriptor.digest, descriptor.size_bytes)


def _list_by_tag(client: RegistryClient, repository: Reference, subject: Digest, listed: Descriptor) -> None:
    """Add to the list under the tag; again, if somebody else's list is there when we look.

    The specification knows no lock, so of two that write at the same moment one may be lost: attach it again.
    """
    for _ in range(ATTEMPTS):
        index = _tagged_list(client, repository, subject)
        there = () if index is None else index.manifests
        if any(one.digest == listed.digest for one in there):
            return
        tagged = repository.tagged(referrers_tag(subject))
        client.put_manifest(tagged, parse_index(encode_index((*there, listed)), str(tagged)))
    raise ToolFailed(
        f"somebody else writes the list {referrers_tag(subject)} at the same time", repository.repository, "try again"
    )


def _tagged_list(client: RegistryClient, repository: Reference, subject: Digest) -> Index | None:
    tagged = repository.tagged(referrers_tag(subject))
    if client.find_manifest(tagged) is None:
        return None
    found = client.get_manifest(tagged)
    if not isinstance(found, Index):
        raise BadInput("is not a list of what refers to an image", str(tagged))
    return found
