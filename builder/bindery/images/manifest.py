"""The documents of an image: descriptor, manifest, index and configuration, as values.

The bytes that a value was read from are kept, and its digest is theirs: two writers of JSON rarely agree.

Source: OCI image-spec v1.1: descriptor.md, manifest.md, image-index.md, config.md. Docker's version 2 schema 2 is read
as well, since it says the same with other media types.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bindery.core import BadInput, Digest, digest_bytes, encode_json
from bindery.images.documents import Node

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bindery.core import Json

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER_TAR = "application/vnd.oci.image.layer.v1.tar"
LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
LAYER_ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"
EMPTY = "application/vnd.oci.empty.v1+json"

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER_TAR = "application/vnd.docker.image.rootfs.diff.tar"
DOCKER_LAYER_GZIP = "application/vnd.docker.image.rootfs.diff.tar.gzip"

MANIFESTS = frozenset({MANIFEST, DOCKER_MANIFEST})
INDEXES = frozenset({INDEX, DOCKER_INDEX})
CONFIGS = frozenset({CONFIG, DOCKER_CONFIG})

REF_NAME = "org.opencontainers.image.ref.name"
EPOCH = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, kw_only=True, slots=True)
class Descriptor:
    """Some stored bytes: what they are, which, and how many; ``platform`` is (os, architecture)."""

    media_type: str
    digest: Digest
    size_bytes: int
    annotations: Mapping[str, str] = field(default_factory=dict)
    platform: tuple[str, str] | None = None
    artifact_type: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """An image of one platform, or an artifact that ``subject`` has."""

    raw: bytes
    media_type: str
    config: Descriptor
    layers: tuple[Descriptor, ...]
    annotations: Mapping[str, str]
    subject: Descriptor | None
    artifact_type: str | None

    @property
    def digest(self) -> Digest:
        """The digest of its bytes."""
        return digest_bytes(self.raw)

    @property
    def descriptor(self) -> Descriptor:
        """What says which manifest this is."""
        return Descriptor(
            media_type=self.media_type,
            digest=self.digest,
            size_bytes=len(self.raw),
            artifact_type=self.artifact_type,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Index:
    """One image for several platforms."""

    raw: bytes
    media_type: str
    manifests: tuple[Descriptor, ...]
    annotations: Mapping[str, str]

    @property
    def digest(self) -> Digest:
        """The digest of its bytes."""
        return digest_bytes(self.raw)

    @property
    def descriptor(self) -> Descriptor:
        """What says which index this is."""
        return Descriptor(media_type=self.media_type, digest=self.digest, size_bytes=len(self.raw))


@dataclass(frozen=True, kw_only=True, slots=True)
class HistoryEntry:
    """What made a layer, or, if it is ``empty``, what changed the configuration alone."""

    created_by: str = ""
    created: str = EPOCH
    comment: str = ""
    empty: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfigFields:
    """What a container of the image is started with, and the layers below it, the lowest first."""

    os: str
    architecture: str
    env: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    user: str = ""
    working_dir: str = ""
    exposed_ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    stop_signal: str = ""
    created: str = EPOCH
    diff_ids: tuple[Digest, ...] = ()
    history: tuple[HistoryEntry, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageConfig(ConfigFields):
    """An image's configuration; the digest of its bytes is the image ID."""

    raw: bytes

    @property
    def digest(self) -> Digest:
        """The digest of its bytes."""
        return digest_bytes(self.raw)


def parse_manifest(raw: bytes, where: str) -> Manifest:
    """Return the manifest.

    Raises:
        BadInput: it is not JSON, not a manifest, or a field is wrong.

    """
    node, media_type = _versioned(raw, where, MANIFEST)
    if media_type not in MANIFESTS:
        raise BadInput(f"is {media_type}, not the manifest of an image", where)
    subject = node.inner("subject")
    return Manifest(
        raw=raw,
        media_type=media_type,
        config=parse_descriptor(node.needed("config")),
        layers=tuple(parse_descriptor(layer) for layer in node.nodes("layers")),
        annotations=node.pairs("annotations"),
        subject=None if subject is None else parse_descriptor(subject),
        artifact_type=node.text("artifactType") if node.has("artifactType") else None,
    )


def parse_index(raw: bytes, where: str) -> Index:
    """Return the index.

    Raises:
        BadInput: it is not JSON, not an index, or a field is wrong.

    """
    node, media_type = _versioned(raw, where, INDEX)
    if media_type not in INDEXES:
        raise BadInput(f"is {media_type}, not an index", where)
    return Index(
        raw=raw,
        media_type=media_type,
        manifests=tuple(parse_descriptor(one) for one in node.nodes("manifests")),
        annotations=node.pairs("annotations"),
    )


def parse_config(raw: bytes, where: str) -> ImageConfig:
    """Return the configuration.

    Raises:
        BadInput: it is not JSON, not a configuration, or a field is wrong.

    """
    node = Node.of_document(raw, where)
    run = node.inner("config") or Node({}, where)
    return ImageConfig(
        raw=raw,
        os=node.text("os"),
        architecture=node.text("architecture"),
        env=run.texts("Env"),
        labels=run.pairs("Labels"),
        entrypoint=run.texts("Entrypoint"),
        cmd=run.texts("Cmd"),
        user=run.text("User", ""),
        working_dir=run.text("WorkingDir", ""),
        exposed_ports=run.keys("ExposedPorts"),
        volumes=run.keys("Volumes"),
        stop_signal=run.text("StopSignal", ""),
        created=node.text("created", EPOCH),
        diff_ids=node.needed("rootfs").digests("diff_ids"),
        history=tuple(
            HistoryEntry(
                created_by=one.text("created_by", ""),
                created=one.text("created", EPOCH),
                comment=one.text("comment", ""),
                empty=one.truth("empty_layer"),
            )
            for one in node.nodes("history")
        ),
    )


def parse_descriptor(node: Node) -> Descriptor:
    """Return the descriptor.

    Raises:
        BadInput: a field is missing or wrong.

    """
    platform = node.inner("platform")
    return Descriptor(
        media_type=node.text("mediaType"),
        digest=node.digest("digest"),
        size_bytes=node.number("size"),
        annotations=node.pairs("annotations"),
        platform=None if platform is None else (platform.text("os"), platform.text("architecture")),
        artifact_type=node.text("artifactType") if node.has("artifactType") else None,
    )


def encode_manifest(
    config: Descriptor,
    layers: Sequence[Descriptor],
    annotations: Mapping[str, str] | None = None,
    subject: Descriptor | None = None,
    artifact_type: str | None = None,
) -> bytes:
    """Return the bytes of an OCI manifest."""
    document: dict[str, Json] = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptor_json(config),
        "layers": [descriptor_json(layer) for layer in layers],
    }
    if artifact_type is not None:
        document["artifactType"] = artifact_type
    if subject is not None:
        document["subject"] = descriptor_json(subject)
    if annotations:
        document["annotations"] = dict(annotations)
    return encode_json(document)


def encode_index(manifests: Sequence[Descriptor], annotations: Mapping[str, str] | None = None) -> bytes:
    """Return the bytes of an OCI index, its manifests in the order given."""
    document: dict[str, Json] = {
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [descriptor_json(one) for one in manifests],
    }
    if annotations:
        document["annotations"] = dict(annotations)
    return encode_json(document)


def encode_config(fields: ConfigFields) -> bytes:
    """Return the bytes of an OCI configuration; what is empty is left out."""
    run: dict[str, Json] = {
        "Env": list(fields.env),
        "Labels": dict(fields.labels),
        "Entrypoint": list(fields.entrypoint),
        "Cmd": list(fields.cmd),
        "User": fields.user,
        "WorkingDir": fields.working_dir,
        "ExposedPorts": {port: {} for port in fields.exposed_ports},
        "Volumes": {volume: {} for volume in fields.volumes},
        "StopSignal": fields.stop_signal,
    }
    document: dict[str, Json] = {
        "os": fields.os,
        "architecture": fields.architecture,
        "created": fields.created,
        "config": _filled(run),
        "rootfs": {"type": "layers", "diff_ids": [str(one) for one in fields.diff_ids]},
        "history": [
            _filled(
                {
                    "created": one.created,
                    "created_by": one.created_by,
                    "comment": one.comment,
                    "empty_layer": one.empty,
                }
            )
            for one in fields.history
        ],
    }
    return encode_json(document)


def descriptor_json(descriptor: Descriptor) -> dict[str, Json]:
    """Return the descriptor as a JSON object."""
    found: dict[str, Json] = {
        "mediaType": descriptor.media_type,
        "digest": str(descriptor.digest),
        "size": descriptor.size_bytes,
    }
    if descriptor.platform is not None:
        found["platform"] = {"os": descriptor.platform[0], "architecture": descriptor.platform[1]}
    if descriptor.artifact_type is not None:
        found["artifactType"] = descriptor.artifact_type
    if descriptor.annotations:
        found["annotations"] = dict(descriptor.annotations)
    return found


def _versioned(raw: bytes, where: str, default: str) -> tuple[Node, str]:
    node = Node.of_document(raw, where)
    version = node.number("schemaVersion")
    if version != 2:
        raise node.error("schemaVersion", f"is {version}, not 2")
    # OCI lets the media type be left out; what is inside then says which of the two it is.
    guess = INDEX if node.has("manifests") else MANIFEST if node.has("config") else default
    return node, node.text("mediaType", guess)


def _filled(values: dict[str, Json]) -> dict[str, Json]:
    return {key: value for key, value in values.items() if value}
