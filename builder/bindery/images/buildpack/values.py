"""What a buildpack hands to an engine that needs no Dockerfile: values, each checked before anything is made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bindery.core import Digest
    from bindery.environments import Environment
    from bindery.images.buildpack.config_files import ConfigFiles
    from bindery.images.buildpack.runtime_files import Place

Purpose = Literal["make", "plan", "describe"]
"""What becomes of the values: an image, a plan of one, or what one would be made of, down to every file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """Which environment an image holds: texts are empty where there is nothing to say."""

    environment: str
    release: str
    packages: str
    lock_digest: Digest
    withdrawn: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildValues:
    """One image: which environment, which repository, where in the image, for which platform (conda's word).

    ``appendix`` are lines of a Dockerfile that whoever runs repo2docker wants at the end; ``source`` and ``revision``
    say where the repository was fetched from, without anybody's password.
    """

    environment: Environment
    files: ConfigFiles
    place: Place
    platform: str
    labels: Mapping[str, str] = field(default_factory=dict)
    appendix: str = ""
    source: str = ""
    revision: str = ""
