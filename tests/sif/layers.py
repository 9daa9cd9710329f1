"""Images whose layers are written entry by entry, by Python's tarfile, so that anything can be in them."""

from __future__ import annotations

import gzip
import io
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import zstandard

from bindery.core import NoProgress, digest_bytes, encode_json
from bindery.images import make_layout, parse_config, parse_manifest, read_image
from bindery.images.manifest import (
    CONFIG,
    LAYER_GZIP,
    LAYER_TAR,
    LAYER_ZSTD,
    ConfigFields,
    Descriptor,
    encode_config,
    encode_manifest,
)
from bindery.sif import DockerArchive, flatten_image
from bindery.sif.sources import image_layers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from bindery.core import Json
    from bindery.core.tarstreams import TarMember
    from bindery.images import Image

MTIME_S = 1_500_000_000
Member = tuple[tarfile.TarInfo, bytes]
PACK: Mapping[str, Callable[[bytes], bytes]] = {
    LAYER_TAR: bytes,
    LAYER_GZIP: gzip.compress,
    LAYER_ZSTD: zstandard.ZstdCompressor().compress,
}


def entry(path: str, kind: bytes = tarfile.REGTYPE, mode: int = 0o644, **fields: object) -> tarfile.TarInfo:
    """Return a header; ``fields`` are its attributes."""
    info = tarfile.TarInfo(path)
    info.type, info.mode, info.mtime = kind, mode, MTIME_S
    for name, value in fields.items():
        setattr(info, name, value)
    return info


def file(path: str, data: bytes = b"", mode: int = 0o644) -> Member:
    """Return a file."""
    return entry(path, mode=mode, size=len(data)), data


def folder(path: str, mode: int = 0o755) -> Member:
    """Return a folder."""
    return entry(path, tarfile.DIRTYPE, mode), b""


def link(path: str, target: str) -> Member:
    """Return a symbolic link."""
    return entry(path, tarfile.SYMTYPE, 0o777, linkname=target), b""


def hard(path: str, target: str) -> Member:
    """Return a hard link."""
    return entry(path, tarfile.LNKTYPE, linkname=target), b""


def pipe(path: str) -> Member:
    """Return a named pipe."""
    return entry(path, tarfile.FIFOTYPE), b""


def device(path: str) -> Member:
    """Return a device, which every system has as /dev/null."""
    return entry(path, tarfile.CHRTYPE, 0o666, devmajor=1, devminor=3), b""


def tar(*members: Member, form: int = tarfile.PAX_FORMAT) -> bytes:
    """Return an archive of the members, in their order."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=form) as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return raw.getvalue()


def make_config(layers: Sequence[bytes], created: str = "2025-08-14T12:00:00.123456789Z") -> bytes:
    """Return the bytes of a configuration that has the layers' diff IDs."""
    fields = ConfigFields(
        os="linux",
        architecture="amd64",
        env=("PATH=/usr/bin:/bin", "GREETING=hello"),
        labels={"maker": "tests"},
        cmd=("/bin/sh",),
        created=created,
        diff_ids=tuple(map(digest_bytes, layers)),
    )
    return encode_config(fields)


def make_image(root: Path, layers: Sequence[bytes], media_type: str = LAYER_TAR, config: bytes | None = None) -> Image:
    """Return an image of the layers, in an OCI layout in the folder."""
    layout = make_layout(root)
    raw_config = config or make_config(layers)
    descriptors = []
    for layer in layers:
        stored = PACK[media_type](layer)
        digest = layout.write_blob(stored)
        descriptors.append(Descriptor(media_type=media_type, digest=digest, size_bytes=len(stored)))
    described = Descriptor(media_type=CONFIG, digest=layout.write_blob(raw_config), size_bytes=len(raw_config))
    raw = encode_manifest(described, descriptors)
    layout.write_blob(raw)
    layout.tag("image", parse_manifest(raw, "image").descriptor)
    return read_image(layout, "image")


def make_archive(
    path: Path, layers: Sequence[bytes], *, is_new: bool = False, config: bytes | None = None
) -> DockerArchive:
    """Return the image of the layers as ``docker save`` writes it: before 25.0, or since."""
    raw_config = config or make_config(layers)
    digest = parse_config(raw_config, "config").digest.hex
    members: list[Member] = []
    names: list[Json] = []
    for number, layer in enumerate(layers):
        name = f"blobs/sha256/{digest_bytes(layer).hex}" if is_new else f"{number:064x}/layer.tar"
        if layers.index(layer) == number or is_new:
            members.append(file(name, layer))
        else:
            members.append(link(name, f"../{layers.index(layer):064x}/layer.tar"))
        names.append(name)
    config_name = f"blobs/sha256/{digest}" if is_new else f"{digest}.json"
    manifest: Json = [{"Config": config_name, "RepoTags": ["tests/image:1"], "Layers": names}]
    members += [file(config_name, raw_config), file("manifest.json", encode_json(manifest))]
    path.write_bytes(tar(*members))
    return DockerArchive(path=path)


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A path of an archive. ``content`` is a file's bytes or a link's target; ``names`` are all that the file has."""

    kind: str
    mode: int
    content: bytes
    names: tuple[str, ...] = ()


def flat_bytes(image: Image, extra: Sequence[TarMember] = ()) -> bytes:
    """Return the archive that the image is flattened to."""
    raw = io.BytesIO()
    flatten_image(image_layers(image), extra, raw, epoch_s=7, progress=NoProgress())
    return raw.getvalue()


def read_tree(raw: bytes) -> dict[str, Found]:
    """Return what the archive holds, as Python's tarfile reads it."""
    found: dict[str, Found] = {}
    first: dict[str, list[str]] = {}
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        for member in archive:
            path = member.name.removeprefix("./") if member.name != "." else ""
            if member.islnk():
                target = member.linkname.removeprefix("./")
                first[target].append(path)
                found[path] = found[target]
                continue
            kinds = {
                tarfile.REGTYPE: "file",
                tarfile.DIRTYPE: "folder",
                tarfile.SYMTYPE: "link",
                tarfile.FIFOTYPE: "pipe",
            }
            stream = archive.extractfile(member) if member.isreg() else None
            content = stream.read() if stream is not None else member.linkname.encode()
            found[path] = Found(kind=kinds.get(member.type, "device"), mode=member.mode, content=content)
            first[path] = [path]
    grouped = {name: tuple(sorted(names)) for names in first.values() for name in names}
    return {
        path: Found(kind=one.kind, mode=one.mode, content=one.content, names=grouped[path])
        for path, one in sorted(found.items())
    }


def shown(raw: bytes) -> dict[str, str]:
    """Return the archive's tree, a word or two for each path but the root."""
    tree = read_tree(raw)
    return {path: _word(path, one) for path, one in tree.items() if path}


def _word(path: str, one: Found) -> str:
    match one.kind:
        case "file":
            others = [name for name in one.names if name != path]
            return one.content.decode() + (f" = {' '.join(others)}" if others else "")
        case "link":
            return f"-> {one.content.decode()}"
        case kind:
            return kind
