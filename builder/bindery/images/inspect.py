"""What is in an image, as it says itself: for people who look, not for those who have to be sure (see ``verify``)."""

from __future__ import annotations

import posixpath
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bindery.core import Digest, parse_json
from bindery.environments import ListedPackage, PackageList
from bindery.images.annotations import BASE_DIGEST, BASE_NAME, ENVIRONMENT, LOCK_DIGEST, PACKAGES, RELEASE
from bindery.images.verify.overlay import Overlay

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bindery.core import Json, Progress
    from bindery.images.manifest import Descriptor, ImageConfig
    from bindery.images.verify import OpenedImage
    from bindery.images.verify.source import ReadImage

META = "conda-meta/"
_LARGEST_RECORD = 16 << 20
_OURS = "bindery: "
BASE = "base"
REST = "other files"


@dataclass(frozen=True, kw_only=True, slots=True)
class ImagePackage:
    """A package of the image's environment; ``size_bytes`` are those of its files that a container sees."""

    name: str
    version: str
    build: str
    digest: Digest | None
    size_bytes: int
    files: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageLayer:
    """A layer: its title, the digest of what is stored, and how large that and its files are, in bytes.

    ``digest`` and ``stored_bytes`` are None where layers are not stored, as in an engine.
    """

    title: str
    diff_id: str
    digest: str | None
    stored_bytes: int | None
    content_bytes: int
    files: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageFacts:
    """What an image says of itself, and what is in it; texts are empty where it says nothing."""

    digest: str
    platform: str
    environment: str
    release: str
    packages_source: str
    lock: str
    base: str
    base_name: str
    packages: tuple[ImagePackage, ...]
    layers: tuple[ImageLayer, ...]
    other_bytes: int
    """Of what belongs to no package: base, runtime files, repository."""
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def stored_bytes(self) -> int | None:
        """How large all layers are as they are stored; None where they are not."""
        sizes = [layer.stored_bytes for layer in self.layers]
        known = [size for size in sizes if size is not None]
        return sum(known) if len(known) == len(sizes) else None

    @property
    def title(self) -> str:
        """What people call it: ``pangeo@2025.08.14``."""
        return f"{self.environment}@{self.release}" if self.release else self.environment

    def package_list(self, label: str) -> PackageList:
        """Return its packages, to be compared with others."""
        return PackageList(
            label=label,
            packages=tuple(
                ListedPackage(
                    name=one.name, platform=self.platform, version=one.version, build=one.build, digest=one.digest
                )
                for one in self.packages
                if one.digest is not None
            ),
        )


def inspect_image(opened: OpenedImage, *, progress: Progress) -> ImageFacts:
    """Return what is in the image, which is read to its end.

    Raises:
        BadInput: it is damaged beyond reading.
        ToolFailed: the registry or the engine failed.

    """
    image = opened.source.read(progress, keeps=_is_record)
    overlay = Overlay()
    for number, layer in enumerate(image.layers):
        overlay.lay(number, layer.content.entries, is_flat=image.is_flat)
    records = _records(image, overlay)
    packages, owned = _count_packages(records, overlay)
    annotations = {**opened.labels, **(image.annotations or {})}
    config = image.config
    return ImageFacts(
        digest=opened.digest,
        platform=f"{config.os}/{config.architecture}" if config else "",
        environment=annotations.get(ENVIRONMENT, ""),
        release=annotations.get(RELEASE, ""),
        packages_source=annotations.get(PACKAGES, ""),
        lock=annotations.get(LOCK_DIGEST, ""),
        base=annotations.get(BASE_DIGEST, ""),
        base_name=annotations.get(BASE_NAME, ""),
        packages=packages,
        layers=_layers(image, opened.manifest.layers if opened.manifest else None),
        other_bytes=sum(placed.entry.size_bytes for path, placed in overlay.paths.items() if path not in owned),
        labels=annotations,
    )


def _is_record(path: str, size_bytes: int) -> bool:
    folder, name = posixpath.split(path)
    return f"{posixpath.basename(folder)}/" == META and name.endswith(".json") and size_bytes <= _LARGEST_RECORD


def _records(image: ReadImage, overlay: Overlay) -> dict[str, Mapping[str, Json]]:
    """Return the records of packages that a container sees, by their paths."""
    found: dict[str, Mapping[str, Json]] = {}
    for number, layer in enumerate(image.layers):
        for path, data in layer.content.kept.items():
            placed = overlay.paths.get(path)
            if placed is None or placed.layer != number:
                continue
            try:
                document = parse_json(data)
            except ValueError:
                continue  # whoever must know calls verify
            if isinstance(document, dict) and isinstance(document.get("name"), str):
                found[path] = document
    return found


def _count_packages(
    records: Mapping[str, Mapping[str, Json]], overlay: Overlay
) -> tuple[tuple[ImagePackage, ...], set[str]]:
    packages: list[ImagePackage] = []
    owned: set[str] = set()
    for record_path, record in records.items():
        prefix = posixpath.dirname(posixpath.dirname(record_path))
        listed = record.get("files")
        names = [f"{prefix}/{name}" for name in listed if isinstance(name, str)] if isinstance(listed, list) else []
        paths = [path for path in dict.fromkeys([*names, record_path]) if path in overlay.paths and path not in owned]
        owned.update(paths)
        packages.append(
            ImagePackage(
                name=str(record["name"]),
                version=str(record.get("version", "")),
                build=str(record.get("build", "")),
                digest=_digest(record.get("sha256")),
                size_bytes=sum(overlay.paths[path].entry.size_bytes for path in paths),
                files=len(paths),
            )
        )
    return tuple(sorted(packages, key=lambda one: (-one.size_bytes, one.name))), owned


def _digest(value: Json) -> Digest | None:
    is_hex = isinstance(value, str) and len(value) == 64 and not set(value) - set("0123456789abcdef")
    return Digest("sha256", str(value)) if is_hex else None


def _layers(image: ReadImage, descriptors: tuple[Descriptor, ...] | None) -> tuple[ImageLayer, ...]:
    titles = _titles(image.config, len(image.layers))
    stored: tuple[Descriptor | None, ...] = descriptors or (None,) * len(image.layers)
    return tuple(
        ImageLayer(
            title=title,
            diff_id=f"sha256:{layer.content.sha256}",
            digest=str(descriptor.digest) if descriptor else None,
            stored_bytes=descriptor.size_bytes if descriptor else None,
            content_bytes=sum(entry.size_bytes for _, entry in layer.content.entries),
            files=sum(entry.kind != "folder" for _, entry in layer.content.entries),
        )
        for title, layer, descriptor in zip(titles, image.layers, stored, strict=True)
    )


def _titles(config: ImageConfig | None, count: int) -> tuple[str, ...]:
    made_by = [entry.created_by for entry in config.history if not entry.empty] if config else []
    if len(made_by) != count:
        return ("",) * count
    return tuple(one.removeprefix(_OURS) if one.startswith(_OURS) else BASE for one in made_by)


def sizes_by_package(facts: ImageFacts) -> Mapping[str, int]:
    """Return the size of each package in bytes, and of what belongs to none."""
    sizes: Counter[str] = Counter()
    for package in facts.packages:
        sizes[package.name] += package.size_bytes
    sizes[REST] += facts.other_bytes
    return sizes


def layers_by_title(facts: ImageFacts) -> Mapping[str, tuple[ImageLayer, ...]]:
    """Return the layers of each title: a base may have several."""
    found: defaultdict[str, list[ImageLayer]] = defaultdict(list)
    for layer in facts.layers:
        found[layer.title].append(layer)
    return {title: tuple(layers) for title, layers in found.items()}
