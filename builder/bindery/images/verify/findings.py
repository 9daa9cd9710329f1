"""One thing in an image that is not as it must be, as a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

What = Literal[
    "missing",
    "added",
    "changed",
    "mode",
    "owner",
    "link",
    "time",
    "attribute",
    "odd",
    "digest",
    "config",
    "annotation",
    "metadata",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageFinding:
    """What is wrong with a path, a blob, a key of the configuration (``config.Env.PATH``), or a field of a SIF.

    ``package`` is a package of the environment, ``base``, or another part of the image; empty for what belongs to
    nothing. ``layer`` says which layer did it, empty if none can be blamed.
    """

    package: str
    path: str
    layer: str
    what: What
    detail: str
