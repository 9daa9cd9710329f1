"""What is in a SIF, as it says itself: for people who look, not for those who have to be sure (see ``verify``)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bindery.core import BadInput, parse_json
from bindery.images import inspect_image
from bindery.images.verify import LayerContent, OpenedImage, ReadImage, ReadLayer, TarEntry
from bindery.sif.format import SMALL_BYTES, read_object
from bindery.sif.read import open_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bindery.core import Json, Progress
    from bindery.images import ImageFacts
    from bindery.images.verify import Kind
    from bindery.sif.format import Sif
    from bindery.sif.unsquash import Kind as NodeKind

_KINDS: Mapping[NodeKind, Kind] = {"file": "file", "folder": "folder", "link": "link"}
_CONFIG, _METADATA = "oci-config.json", "inspect-metadata.json"
_FROM = "from: "
_APPS = "scif/apps/"
_MOST_KEPT_BYTES = 64 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class SifFacts:
    """What a SIF says of itself, and what is in it. ``image`` has its whole file system as one layer.

    ``config`` is the digest of the image that it was made of; ``files`` counts everything in it, folders as well: what
    an unpacked copy would take of a quota. ``apps`` are what ``singularity run --app`` knows.
    """

    image: ImageFacts
    uuid: str
    config: str
    compression: str
    file_bytes: int
    content_bytes: int
    files: int
    apps: tuple[str, ...]
    is_signed: bool


def inspect_sif(sif: Sif, *, progress: Progress) -> SifFacts:
    """Return what is in the SIF; of its files only names and sizes are read, and the records of packages.

    Raises:
        BadInput: it has no squashfs to run, or it is damaged.

    """
    with open_tree(sif) as system:
        compression = system.compressor
    source = _SifSource(sif=sif)
    facts = inspect_image(OpenedImage(source=source, labels=read_labels(sif)), progress=progress)
    (layer,) = facts.layers
    config = read_config_digest(sif)
    file_bytes = sif.path.stat().st_size
    whole = replace(layer, title="squashfs", diff_id=config or sif.uuid.urn, stored_bytes=file_bytes)
    return SifFacts(
        image=replace(facts, digest=config, platform=f"linux/{sif.architecture}", layers=(whole,)),
        uuid=str(sif.uuid),
        config=config,
        compression=compression,
        file_bytes=file_bytes,
        content_bytes=layer.content_bytes,
        files=source.count,
        apps=tuple(sorted(source.apps)),
        is_signed=sif.named("signature") is not None,
    )


def read_labels(sif: Sif) -> Mapping[str, str]:
    """Return the labels of its image, as its metadata have them; none if it has no metadata.

    Raises:
        BadInput: the metadata are no JSON.

    """
    labels: Json = None
    match _document(sif, _CONFIG), _document(sif, _METADATA):
        case {"Labels": dict(labels)}, _:
            pass
        case _, {"data": {"attributes": {"labels": dict(labels)}}}:
            pass
    found = labels if isinstance(labels, dict) else {}
    return {name: value for name, value in found.items() if isinstance(value, str)}


def read_config_digest(sif: Sif) -> str:
    """Return the digest of the image's configuration that its definition names; empty if it names none."""
    deffile = sif.named("deffile")
    if deffile is None or deffile.size_bytes > SMALL_BYTES:
        return ""
    lines = read_object(sif, deffile).decode(errors="replace").splitlines()
    named = (line.removeprefix(_FROM).strip() for line in lines if line.startswith(f"{_FROM}sha256:"))
    return next(named, "")


def _document(sif: Sif, name: str) -> Json:
    there = sif.named("json", name)
    if there is None:
        return None
    try:
        return parse_json(read_object(sif, there))
    except ValueError as error:
        raise BadInput(f"{name} is not JSON: {error}", str(sif.path)) from error


def _nothing(path: str, size_bytes: int) -> bool:
    del path, size_bytes
    return False


@dataclass(kw_only=True)
class _SifSource:
    """The SIF as an image of one layer, in which files have sizes and no digests."""

    sif: Sif
    count: int = 0

    def __post_init__(self) -> None:
        self.apps: set[str] = set()

    def read(self, progress: Progress, keeps: Callable[[str, int], bool] = _nothing) -> ReadImage:
        """Return what is in it, and the content of files that are wanted."""
        entries: list[tuple[str, TarEntry]] = []
        kept: dict[str, bytes] = {}
        left = _MOST_KEPT_BYTES
        with open_tree(self.sif) as system, progress.task(f"Reading {self.sif.path.name}", None, "files") as task:
            for node in system.nodes():
                self.count += 1
                task.advance()
                if node.path.startswith(_APPS) and node.path.count("/") == 2 and node.kind == "folder":
                    self.apps.add(node.path.removeprefix(_APPS))
                if node.kind == "file" and keeps(node.path, node.size_bytes) and node.size_bytes <= left:
                    kept[node.path] = b"".join(system.read(node))
                    left -= node.size_bytes
                kind = _KINDS.get(node.kind, "unknown")
                entries.append((node.path, TarEntry(kind=kind, mode=node.mode, size_bytes=node.size_bytes)))
        content = LayerContent(entries=tuple(entries), oddities=(), sha256="", kept=kept)
        return ReadImage(layers=(ReadLayer(label="squashfs", content=content),), is_flat=True)
