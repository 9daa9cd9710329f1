"""What ``docker save`` writes, read where it lies: a configuration, and layers by name.

Engines before 25.0 write a folder for each layer, and links where two are the same; newer ones an OCI layout with
Docker's own ``manifest.json`` in it. podman and skopeo (``docker-archive:``) write the first kind, in one folder.

Source: moby, ``image/spec/v1.2.md``, "Combined Image JSON + Filesystem Changeset Format".
"""

from __future__ import annotations

import io
import posixpath
import tarfile
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from bindery.core import BadInput, digest_bytes, parse_json
from bindery.images import parse_config
from bindery.sif.sources import LayeredImage, LayerStream, layer_label
from bindery.sif.unzstd import open_archive

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from bindery.core import Json
    from bindery.core.tarstreams import Source

_MANIFEST = "manifest.json"
_TAR = "application/vnd.oci.image.layer.v1.tar"
_MAGIC = {b"\x1f\x8b": f"{_TAR}+gzip", b"\x28\xb5": f"{_TAR}+zstd"}
_PACKED = {b"\x1f\x8b": "gunzip", b"\x28\xb5": "unzstd", b"\xfd7": "unxz", b"BZ": "bunzip2"}
_SMALL_BYTES = 32 << 20
_MOST_MEMBERS = 100_000
_FIX = "docker save NAME --output FILE"


@dataclass(frozen=True, kw_only=True, slots=True)
class DockerArchive:
    """A file that ``docker save`` wrote; ``name`` says which of its images, and is needed if it has several."""

    path: Path
    name: str = ""

    def __str__(self) -> str:
        """Return what a person would write."""
        return f"docker-archive:{self.path}:{self.name}" if self.name else f"docker-archive:{self.path}"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Place:
    """Where a member's content is in the archive."""

    offset_bytes: int
    size_bytes: int


def archive_layers(archive: DockerArchive) -> LayeredImage:
    """Return the image, as layers that can be read.

    Raises:
        BadInput: it is not there, not such an archive, lacks something, or has several images and no name was given.

    """
    where = str(archive.path)
    places = _places(archive.path, where)
    chosen = _choose(archive, _document(archive.path, places, _MANIFEST, where), where)
    config_name, names = chosen.get("Config"), chosen.get("Layers")
    if not isinstance(config_name, str) or not isinstance(names, list):
        raise BadInput(f"its {_MANIFEST} names no configuration or no layers", where, _FIX)
    raw = _read(archive.path, places, config_name, where)
    _check_name(raw, config_name, where)
    config = parse_config(raw, f"{where}: {config_name}")
    if len(config.diff_ids) != len(names):
        raise BadInput(f"has {len(names)} layers, but diff IDs for {len(config.diff_ids)}", where, _FIX)
    layers = []
    for number, (name, diff_id) in enumerate(zip(names, config.diff_ids, strict=True)):
        label = layer_label(where, number, len(names))
        place = _find(places, str(name), where)
        opened = partial(_open_layer, archive.path, place, label)
        layers.append(LayerStream(label=label, diff_id=diff_id, size_bytes=place.size_bytes, open=opened))
    return LayeredImage(name=where, config=config, layers=tuple(layers))


def _places(path: Path, where: str) -> Mapping[str, _Place]:
    """Return what is where, links followed."""
    places: dict[str, _Place] = {}
    links: dict[str, str] = {}
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                name = posixpath.normpath(member.name)
                if member.isreg():
                    places[name] = _Place(offset_bytes=member.offset_data, size_bytes=member.size)
                elif member.issym():
                    links[name] = posixpath.normpath(posixpath.join(posixpath.dirname(name), member.linkname))
                elif member.islnk():
                    links[name] = posixpath.normpath(member.linkname)
                if len(places) > _MOST_MEMBERS:
                    raise BadInput(f"has more than {_MOST_MEMBERS} members, and is no saved image", where, _FIX)
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", where) from error
    except tarfile.TarError as error:
        raise BadInput(f"is not a saved image: {error}", where, _packed_fix(path)) from error
    return places | {name: places[target] for name, target in links.items() if target in places}


def _packed_fix(path: Path) -> str:
    with path.open("rb") as stream:
        program = _PACKED.get(stream.read(2))
    return f"unpack it with {program} first" if program else _FIX


def _find(places: Mapping[str, _Place], name: str, where: str) -> _Place:
    place = places.get(posixpath.normpath(name))
    if place is None:
        raise BadInput(f"has no {name}", where, _FIX)
    return place


def _read(path: Path, places: Mapping[str, _Place], name: str, where: str) -> bytes:
    place = _find(places, name, where)
    if place.size_bytes > _SMALL_BYTES:
        raise BadInput(f"its {name} has more than {_SMALL_BYTES >> 20} MiB", where, _FIX)
    with path.open("rb") as stream:
        return _Window(stream, place).read()


def _document(path: Path, places: Mapping[str, _Place], name: str, where: str) -> Json:
    raw = _read(path, places, name, where)
    try:
        return parse_json(raw)
    except ValueError as error:
        raise BadInput(f"its {name} is not JSON: {error}", where, _FIX) from error


def _choose(archive: DockerArchive, document: Json, where: str) -> Mapping[str, Json]:
    images = [one for one in document if isinstance(one, dict)] if isinstance(document, list) else []
    tags = [tag for one in images for tag in _tags(one)]
    if archive.name:
        wanted = archive.name if ":" in archive.name.rpartition("/")[2] else f"{archive.name}:latest"
        images = [one for one in images if wanted in _tags(one)]
        if not images:
            raise BadInput(f"has no image {wanted}, only {', '.join(tags) or 'one without a name'}", where)
    if len(images) != 1:
        fix = f"docker-archive:{archive.path}:{tags[0]}" if tags else _FIX
        raise BadInput(f"has {len(images)} images", where, fix)
    return images[0]


def _tags(image: Mapping[str, Json]) -> list[str]:
    tags = image.get("RepoTags")
    return [str(tag) for tag in tags] if isinstance(tags, list) else []


def _check_name(raw: bytes, name: str, where: str) -> None:
    """Return if the configuration is what its name says, where that is a digest."""
    said = posixpath.basename(name).removesuffix(".json")
    found = digest_bytes(raw).hex
    if len(said) == len(found) and said != found:
        raise BadInput(f"its configuration has sha256 {found}, expected {said}", where, _FIX)


class _Window(io.RawIOBase):
    """A part of a file."""

    def __init__(self, stream: io.BufferedReader, place: _Place) -> None:
        super().__init__()
        self._stream = stream
        self._left = place.size_bytes
        stream.seek(place.offset_bytes)

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes of it."""
        data = self._stream.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        return data


@contextmanager
def _open_layer(path: Path, place: _Place, label: str) -> Iterator[Source]:
    with path.open("rb") as stream:
        head = _Window(stream, place).read(2)
        window = _Window(stream, place)
        with open_archive(window, _MAGIC.get(head, _TAR), label) as decompressed:
            yield decompressed
