"""Images in memory, made member by member, so that a test can spoil one of them and make all digests right again."""

from __future__ import annotations

import gzip
import io
import tarfile
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Literal

import zstandard

from bindery.core import Digest, digest_bytes, encode_json, parse_json
from bindery.images.manifest import (
    CONFIG,
    LAYER_GZIP,
    LAYER_TAR,
    LAYER_ZSTD,
    Descriptor,
    ImageConfig,
    Manifest,
    encode_config,
    encode_manifest,
    parse_config,
    parse_manifest,
)
from bindery.images.verify.source import BlobSource

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from bindery.core import Json
    from bindery.core.tarstreams import Source

Compression = Literal["gzip", "zstd", "none"]
MEDIA_TYPES = {"gzip": LAYER_GZIP, "zstd": LAYER_ZSTD, "none": LAYER_TAR}


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """One entry of a layer. ``kind`` is tarfile's type; the name is written as it is."""

    name: str
    kind: bytes = tarfile.REGTYPE
    data: bytes = b""
    mode: int = 0o644
    owner: tuple[int, int] = (0, 0)
    link: str = ""
    attributes: tuple[tuple[str, str], ...] = ()

    @property
    def is_file(self) -> bool:
        """Whether it has content of its own."""
        return self.kind == tarfile.REGTYPE

    @property
    def path(self) -> str:
        """The path in the image that it stands for."""
        return f"/{self.name.removeprefix('./').strip('/')}"


Members = tuple[Member, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """An image to be: its layers, the lowest first, its configuration but for the layers, its annotations.

    ``form`` is tarfile's, ``tails`` are bytes behind archives, ``prefix`` stands before each name.
    """

    layers: tuple[Members, ...]
    config: ImageConfig
    annotations: Mapping[str, str] = field(default_factory=dict)
    compression: Compression = "gzip"
    form: int = tarfile.PAX_FORMAT
    prefix: str = ""
    epoch_s: int = 0
    tails: tuple[tuple[int, bytes], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """An image with its blobs, by digest."""

    manifest: Manifest
    config: ImageConfig
    blobs: Mapping[Digest, bytes]

    @property
    def source(self) -> BlobSource:
        """What is verified."""

        def open_blob(descriptor: Descriptor) -> AbstractContextManager[Source]:
            return closing(io.BytesIO(self.blobs[descriptor.digest]))

        return BlobSource(manifest=self.manifest, config=self.config, open_blob=open_blob)


def folder(name: str, mode: int = 0o755, owner: tuple[int, int] = (0, 0)) -> Member:
    """Return a folder."""
    return Member(name=name, kind=tarfile.DIRTYPE, mode=mode, owner=owner)


def link(name: str, target: str) -> Member:
    """Return a symbolic link."""
    return Member(name=name, kind=tarfile.SYMTYPE, mode=0o777, link=target)


def store(made: Made) -> Stored:
    """Return the image with digests that all agree."""
    tails = dict(made.tails)
    archives = [
        _encode(layer, made.form, made.prefix, made.epoch_s) + tails.get(number, b"")
        for number, layer in enumerate(made.layers)
    ]
    diff_ids = tuple(digest_bytes(archive) for archive in archives)
    blobs = [_compress(archive, made.compression) for archive in archives]
    return store_blobs(made, diff_ids, blobs)


def store_blobs(made: Made, diff_ids: tuple[Digest, ...], blobs: list[bytes]) -> Stored:
    """Return an image of these blobs, whatever the configuration says of them."""
    config = _with_diff_ids(made.config, diff_ids)
    descriptors = [
        Descriptor(media_type=MEDIA_TYPES[made.compression], digest=digest_bytes(blob), size_bytes=len(blob))
        for blob in blobs
    ]
    config_blob = Descriptor(media_type=CONFIG, digest=config.digest, size_bytes=len(config.raw))
    manifest = parse_manifest(encode_manifest(config_blob, descriptors, made.annotations), "made")
    stored = {one.digest: blob for one, blob in zip(descriptors, blobs, strict=True)}
    return Stored(manifest=manifest, config=config, blobs={**stored, config.digest: config.raw})


def _with_diff_ids(config: ImageConfig, diff_ids: tuple[Digest, ...]) -> ImageConfig:
    # What a test wrote into the raw document, such as keys of Docker's, stays there.
    document = parse_json(config.raw)
    assert isinstance(document, dict)
    rootfs: Json = {"type": "layers", "diff_ids": [str(one) for one in diff_ids]}
    return parse_config(encode_json({**document, "rootfs": rootfs}), "made")


def config_of(**fields: tuple[str, ...] | str | Mapping[str, str]) -> ImageConfig:
    """Return a configuration without layers."""
    empty = ImageConfig(raw=b"", os="linux", architecture="amd64")
    return parse_config(encode_config(replace(empty, **fields)), "made")  # type: ignore[arg-type]


@cache
def _encode(layer: Members, form: int, prefix: str, epoch_s: int) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as tar:
        for member in layer:
            info = tarfile.TarInfo(prefix + member.name)
            info.type, info.mode, info.linkname = member.kind, member.mode, member.link
            info.uid, info.gid = member.owner
            info.size, info.mtime = len(member.data), epoch_s
            if member.kind == tarfile.CHRTYPE:
                info.devmajor, info.devminor = 1, 3
            info.pax_headers = {f"SCHILY.xattr.{name}": value for name, value in member.attributes}
            tar.addfile(info, io.BytesIO(member.data))
    return stream.getvalue()


@cache
def _compress(archive: bytes, compression: Compression) -> bytes:
    match compression:
        case "gzip":
            return gzip.compress(archive, 1, mtime=0)
        case "zstd":
            return zstandard.compress(archive, 1)
        case "none":
            return archive
