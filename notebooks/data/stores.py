"""Folders that are complete or absent, and Zarr arrays whose chunks have the same bytes everywhere."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import zarr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

Item = TypeVar("Item")


def is_made(folder: Path, recipe: dict[str, object]) -> bool:
    """Answer whether the folder holds what this recipe makes."""
    try:
        return folder.is_dir() and json.loads(_recipe_of(folder).read_text(encoding="utf-8")) == recipe
    except (OSError, ValueError):
        return False


@contextmanager
def replacing(folder: Path, recipe: dict[str, object]) -> Iterator[Path]:
    """Give an empty folder to fill; when it is full, it takes the place of ``folder``, and its recipe lies beside it.

    If filling it fails, ``folder`` stays as it was.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    try:
        yield draft
        _recipe_of(folder).unlink(missing_ok=True)
        if folder.exists():
            shutil.rmtree(folder)
        draft.rename(folder)
        _recipe_of(folder).write_text(json.dumps(recipe, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _recipe_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.recipe.json")


def add_array(  # noqa: PLR0913 - what a Zarr array is made of
    group: zarr.Group,
    name: str,
    *,
    dtype: str,
    shape: tuple[int, ...],
    chunks: tuple[int, ...],
    dimensions: tuple[str, ...],
    attributes: dict[str, Any],
    fill_value: int = 0,
) -> zarr.Array:
    """Return a new array, format 3, its chunks uncompressed: compressors change their bytes between versions."""
    return group.create_array(
        name,
        shape=shape,
        chunks=chunks,
        dtype=dtype,
        dimension_names=dimensions,
        compressors=None,
        fill_value=fill_value,
        attributes=attributes,
        config={"write_empty_chunks": True},
    )


def add_values(
    group: zarr.Group, name: str, values: NDArray[np.generic], dimensions: tuple[str, ...], attributes: dict[str, Any]
) -> None:
    """Store a small array in one chunk."""
    array = add_array(
        group,
        name,
        dtype=values.dtype.str,
        shape=values.shape,
        chunks=values.shape,
        dimensions=dimensions,
        attributes=attributes,
    )
    array[...] = values


def consolidate(folder: Path, names: Sequence[str]) -> None:
    """Copy the description of all arrays into one place, in this order.

    A reader then need not list the folder, whose order varies between file systems.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Consolidated metadata is currently not part")
        zarr.consolidate_metadata(folder, zarr_format=3)
    path = folder / "zarr.json"
    described = json.loads(path.read_text(encoding="utf-8"))
    arrays = described["consolidated_metadata"]["metadata"]
    described["consolidated_metadata"]["metadata"] = {name: arrays[name] for name in names}
    path.write_text(json.dumps(described, indent=2), encoding="utf-8")


def for_each(make: Callable[[Item], None], items: Iterable[Item], jobs: int) -> None:
    """Call ``make`` for every item, ``jobs`` at a time."""
    with ThreadPoolExecutor(jobs) as pool:
        for _ in pool.map(make, items):
            pass


def chunks_digest(folder: Path) -> str:
    """Return the SHA-256 of all chunks of a Zarr store, in the order of their names, names included.

    The store's metadata is left out: the zarr package adds to it now and then.
    """
    total = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".json"):
        total.update(f"{path.relative_to(folder).as_posix()} {path.stat().st_size}\n".encode())
        total.update(path.read_bytes())
    return total.hexdigest()
