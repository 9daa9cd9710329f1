"""How two images differ: packages by version, growth by package, and which layers have to travel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bindery.environments import compare_lists
from bindery.images.inspect import layers_by_title, sizes_by_package

if TYPE_CHECKING:
    from bindery.environments import Comparison
    from bindery.images.inspect import ImageFacts, ImageLayer


@dataclass(frozen=True, kw_only=True, slots=True)
class Growth:
    """One package (or all that belongs to none), and its size in both images, in bytes; None where it is not."""

    name: str
    before_bytes: int | None
    after_bytes: int | None

    @property
    def bytes(self) -> int:
        """How much larger it became; negative if it shrank."""
        return (self.after_bytes or 0) - (self.before_bytes or 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerChange:
    """The layers of one title that are not the same in both images."""

    title: str
    before: tuple[ImageLayer, ...]
    after: tuple[ImageLayer, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageDifference:
    """Two images, compared. ``growth`` and ``layers`` leave out what is the same.

    ``shared_bytes`` and ``new_bytes`` are of the second image's layers as they are stored: what somebody who has the
    first need not fetch, and what must be fetched; None where layers are not stored.
    """

    before: ImageFacts
    after: ImageFacts
    packages: Comparison
    growth: tuple[Growth, ...]
    layers: tuple[LayerChange, ...]
    shared_bytes: int | None
    new_bytes: int | None

    @property
    def is_empty(self) -> bool:
        """Whether the same files lie in the same layers."""
        return not (self.packages.changes or self.growth or self.layers)


def compare_images(before: ImageFacts, after: ImageFacts, labels: tuple[str, str]) -> ImageDifference:
    """Return how the images differ; ``labels`` are what people call them."""
    known = {layer.diff_id for layer in before.layers}
    shared = [layer.stored_bytes for layer in after.layers if layer.diff_id in known]
    new = [layer.stored_bytes for layer in after.layers if layer.diff_id not in known]
    return ImageDifference(
        before=before,
        after=after,
        packages=compare_lists(before.package_list(labels[0]), after.package_list(labels[1])),
        growth=_growth(before, after),
        layers=_layers(before, after),
        shared_bytes=_sum(shared),
        new_bytes=_sum(new),
    )


def _growth(before: ImageFacts, after: ImageFacts) -> tuple[Growth, ...]:
    old, new = sizes_by_package(before), sizes_by_package(after)
    found = (
        Growth(name=name, before_bytes=old.get(name), after_bytes=new.get(name)) for name in old.keys() | new.keys()
    )
    changed = (one for one in found if one.before_bytes != one.after_bytes)
    return tuple(sorted(changed, key=lambda one: (-one.bytes, one.name)))


def _layers(before: ImageFacts, after: ImageFacts) -> tuple[LayerChange, ...]:
    old, new = layers_by_title(before), layers_by_title(after)
    changes = []
    for title in dict.fromkeys((*old, *new)):
        was = {layer.diff_id: layer for layer in old.get(title, ())}
        now = {layer.diff_id: layer for layer in new.get(title, ())}
        if was.keys() != now.keys():
            changes.append(
                LayerChange(
                    title=title,
                    before=tuple(layer for diff_id, layer in was.items() if diff_id not in now),
                    after=tuple(layer for diff_id, layer in now.items() if diff_id not in was),
                )
            )
    return tuple(changes)


def _sum(sizes: list[int | None]) -> int | None:
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None
