"""Which packages share a layer: so that a changed package changes one layer, and the others need not travel again.

A large package has its own. The others share buckets, chosen by a hash of the name alone, so that neither a new version
nor another package moves one from bucket to bucket.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LARGE_BYTES = 20_000_000
BUCKETS = 32
# An image has at most 100: these, one for what belongs to no package, and the base's, the start's, the repository's.
MOST_OF_PACKAGES = 80


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerPlan:
    """One layer: what people call it, and its packages, sorted."""

    title: str
    packages: tuple[str, ...]


def plan_layers(packages: Sequence[tuple[str, int]]) -> tuple[LayerPlan, ...]:
    """Return the layers of packages given by name and size of the archive in bytes: large ones by name, then buckets.

    If there are too many large ones, the smaller of them are in buckets.
    """
    by_size = sorted(packages, key=lambda package: (-package[1], package[0]))
    large = {name for name, size_bytes in by_size[: MOST_OF_PACKAGES - BUCKETS] if size_bytes >= LARGE_BYTES}
    buckets: dict[int, list[str]] = {}
    for name, _ in sorted(packages):
        if name not in large:
            buckets.setdefault(_bucket(name), []).append(name)
    return (
        *(LayerPlan(title=name, packages=(name,)) for name in sorted(large)),
        *(LayerPlan(title=f"packages {index:02}", packages=tuple(buckets[index])) for index in sorted(buckets)),
    )


def _bucket(name: str) -> int:
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % BUCKETS
