"""One file in a registry, as the only layer of an artifact: how ORAS keeps it, and Apptainer a SIF.

Source: OCI image-spec v1.1, "Guidelines for Artifact Usage"; apptainer, ``pkg/client/oras``: its media types, and the
annotation that names the file.
"""

from __future__ import annotations

import io
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from bindery.core import CHUNK_BYTES, BadInput, digest_bytes, digest_file, disk_errors
from bindery.images.annotations import TITLE
from bindery.images.manifest import Descriptor, Manifest, encode_manifest, parse_manifest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bindery.core import Digest, Progress
    from bindery.images.registry.client import RegistryClient
    from bindery.images.registry.reference import Reference

SIF_CONFIG = "application/vnd.sylabs.sif.config.v1+json"
SIF_LAYER = "application/vnd.sylabs.sif.layer.v1.sif"
_OLD_SIF_LAYER = "appliciation/vnd.sylabs.sif.layer.tar"  # as Singularity 3.5 spelled it
_EMPTY = b"{}"


@dataclass(frozen=True, kw_only=True, slots=True)
class FilePlan:
    """A file on its way into a repository; ``missing_bytes`` is 0 if its bytes are there already."""

    path: Path
    manifest: Manifest
    repository: Reference
    tags: tuple[str, ...]
    missing_bytes: int

    @property
    def digest(self) -> Digest:
        """The digest of the artifact's manifest."""
        return self.manifest.digest


def plan_sif_push(
    client: RegistryClient,
    path: Path,
    repository: Reference,
    tags: tuple[str, ...],
    annotations: Mapping[str, str],
) -> FilePlan:
    """Return what is to be done, after asking the registry what it has; nothing is written.

    Raises:
        WrongUse: a tag cannot be one.
        ToolFailed: the registry refuses, or the network failed too often.

    """
    for tag in tags:
        repository.tagged(tag)
    config = Descriptor(media_type=SIF_CONFIG, digest=digest_bytes(_EMPTY), size_bytes=len(_EMPTY))
    layer = Descriptor(
        media_type=SIF_LAYER,
        digest=digest_file(path),
        size_bytes=path.stat().st_size,
        annotations={TITLE: path.name},
    )
    manifest = parse_manifest(encode_manifest(config, (layer,), dict(sorted(annotations.items()))), str(path))
    is_there = client.has_blob(repository.name, layer)
    return FilePlan(
        path=path,
        manifest=manifest,
        repository=repository,
        tags=tags,
        missing_bytes=0 if is_there else layer.size_bytes,
    )


def run_sif_push(client: RegistryClient, plan: FilePlan, progress: Progress) -> None:
    """Send what is missing, the manifest, and last its tags; a connection that is cut is taken up again.

    Raises:
        BadInput: the file is not what it was when its digest was computed.
        ToolFailed: the registry refuses, or the network failed too often; the tags are where they were.

    """
    repository, config, (layer,) = plan.repository, plan.manifest.config, plan.manifest.layers
    if plan.missing_bytes:
        with progress.task(f"Pushing to {repository.repository}", plan.missing_bytes, "bytes") as task:
            client.push_blob(repository.name, layer, partial(io.FileIO, plan.path), count=task.advance)
    if not client.has_blob(repository.name, config):
        client.push_blob(repository.name, config, partial(io.BytesIO, _EMPTY))
    client.put_manifest(repository.at(plan.digest), plan.manifest)
    for tag in plan.tags:
        client.put_manifest(repository.tagged(tag), plan.manifest)


def find_sif(client: RegistryClient, reference: Reference) -> Manifest | None:
    """Return the manifest if it is that of a SIF, None if it is an image's.

    Raises:
        BadInput: there is nothing, or it cannot be read.
        ToolFailed: the registry refuses, or failed too often.

    """
    found = client.get_manifest(reference)
    is_sif = isinstance(found, Manifest) and [one.media_type in {SIF_LAYER, _OLD_SIF_LAYER} for one in found.layers]
    return found if isinstance(found, Manifest) and is_sif == [True] else None


def pull_sif(client: RegistryClient, reference: Reference, manifest: Manifest, path: Path, progress: Progress) -> None:
    """Have the file at the path, every byte checked; what was there is replaced, in one step.

    Raises:
        BadInput: the registry sends other bytes than it promised.
        ToolFailed: the registry refuses, the network failed too often, or the disk is full.

    """
    (layer,) = manifest.layers
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    with disk_errors(path), progress.task(f"Pulling {reference}", layer.size_bytes, "bytes") as task:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with client.open_blob(reference.name, layer) as source, part.open("xb") as sink:
                while data := source.read(CHUNK_BYTES):
                    sink.write(data)
                    task.advance(len(data))
                sink.flush()
                os.fsync(sink.fileno())
            part.chmod(0o755)
            part.replace(path)
        except BaseException:
            with suppress(OSError):
                part.unlink()
            raise


def refuse_sif(reference: Reference) -> BadInput:
    """Return the error that says that this is a SIF, where an image was wanted."""
    return BadInput(
        "is a Singularity file, not an image", str(reference), f"bindery pull {reference} --output FILE.sif"
    )
