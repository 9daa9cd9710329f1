"""Repositories to build images of, and the members that become of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class MakeRepository(Protocol):
    """Writes files, by their paths; returns their folder."""

    def __call__(self, files: Mapping[str, str], name: str = "repository") -> Path:
        """Return the folder."""


@pytest.fixture
def make_repository(tmp_path: Path) -> MakeRepository:
    """Return a function that makes a repository of texts."""

    def make(files: Mapping[str, str], name: str = "repository") -> Path:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        for path, text in files.items():
            place = folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
        return folder

    return make
