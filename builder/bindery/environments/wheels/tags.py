"""Which of a version's wheels fits a platform best."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.tags import compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

if TYPE_CHECKING:
    from collections.abc import Iterable

# Wheels for an old glibc run on old clusters as well as on new laptops.
GLIBC = (2, 28)
UV_PLATFORM = f"x86_64-manylinux_{GLIBC[0]}_{GLIBC[1]}"
_LEGACY = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}


def _platforms() -> list[str]:
    found = []
    for minor in range(GLIBC[1], 4, -1):
        found.append(f"manylinux_{GLIBC[0]}_{minor}_x86_64")
        if minor in _LEGACY:
            found.append(f"{_LEGACY[minor]}_x86_64")
    return [*found, "linux_x86_64"]


def best_file_name(names: Iterable[str], python_minor: str) -> str | None:
    """Return the wheel that an installer for this Python would choose; None if none fits."""
    major, minor = (int(part) for part in python_minor.split("."))
    platforms = _platforms()
    version = (major, minor)
    ordered = [
        *cpython_tags(version, platforms=platforms),
        *compatible_tags(version, f"cp{major}{minor}", platforms),
    ]
    ranks = {tag: rank for rank, tag in enumerate(ordered)}
    best: tuple[int, str] | None = None
    for name in names:
        try:
            tags = parse_wheel_filename(name)[3]
        except InvalidWheelFilename:
            continue
        rank = min((ranks[tag] for tag in tags if tag in ranks), default=None)
        if rank is not None and (best is None or (rank, name) < best):
            best = (rank, name)
    return None if best is None else best[1]
