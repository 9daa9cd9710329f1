"""What a word on a command line names: an image, a Singularity file, or something of the project that one is in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from bindery.core import default_store, read_settings

if TYPE_CHECKING:
    from bindery.core import Settings
    from bindery.images import Target

_MAGIC = slice(32, 41)


def find_image(word: str) -> Target | None:
    """Return the image that the word names; None for an environment, or for something in a revision of git."""
    if ":" not in word:
        return None
    from bindery.images import find_image_target  # noqa: PLC0415 - names of environments need nothing of it

    return find_image_target(word, default_store(os.environ))


def find_sif(word: str) -> Path | None:
    """Return the path if it is that of a file which begins as Singularity files do, else None."""
    path = Path(word)
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return path if file.read(_MAGIC.stop)[_MAGIC] == b"SIF_MAGIC" else None


def project_settings() -> Settings:
    """Return the settings of the project that one is in.

    Raises:
        BadInput: its ``bindery.toml`` is wrong.

    """
    return read_settings(Path.cwd())
