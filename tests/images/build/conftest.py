"""Repositories to build images of, and the members that become of them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest
from tests.acceptance.conftest import own_python
from tests.images.build.bases import make_tiny_base
from tests.images.build.runs import Run, prepare, same_parts, seeded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


__all__ = ["own_python"]  # a fixture that other tests have as well


First = tuple[Run, tuple[object, ...]]


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


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a base for images in which nothing runs, as ``--base`` takes it."""
    return make_tiny_base(tmp_path_factory.mktemp("bases") / "tiny")


@pytest.fixture(scope="session")
def first(tmp_path_factory: pytest.TempPathFactory) -> First:
    """Return how an image was made in a store that held nothing, and what is the same of all others."""
    run = Run(folder=tmp_path_factory.mktemp("first"))
    prepare(run.folder)
    return run, same_parts(run.build())


@pytest.fixture
def again(first: First, tmp_path: Path) -> Run:
    """Return how to make the same repository elsewhere, with a store that has its packages and nothing of its image."""
    return seeded(first[0], tmp_path / "again")


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """Return a folder that anybody may look into."""
    with tempfile.TemporaryDirectory(prefix="bindery-same-") as made:
        folder = Path(made)
        folder.chmod(0o755)
        yield folder
