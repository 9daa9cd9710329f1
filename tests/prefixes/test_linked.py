"""Environments linked for a place where they are not."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tests.prefixes.conftest import PYTHON

from bindery.core import NoProgress, Store, digest_file
from bindery.prefixes import ensure_linked

if TYPE_CHECKING:
    from pathlib import Path

    from bindery.environments import Realised
    from bindery.prefixes import LinkedPrefix

TARGET = "/srv/conda/envs/notebook"


def link(realised: Realised, store: Store) -> LinkedPrefix:
    """Return the environment, linked for the place that images have."""
    return ensure_linked(realised, TARGET, store=store, progress=NoProgress())


def test_files_name_the_target_and_nothing_of_the_store(store: Store, everything: Realised) -> None:
    linked = link(everything, store)
    compiled = f"lib/python{PYTHON}/__pycache__/plain.{sys.implementation.cache_tag}.pyc"
    assert f"{TARGET}/lib/python{PYTHON}/plain.py".encode() in (linked.root / compiled).read_bytes()
    assert (linked.root / "etc" / "old.conf").read_text() == f"prefix={TARGET}\n"
    assert (linked.root / "bin" / "tool").read_text().startswith(f"#!{TARGET}/bin/python{PYTHON}\n")
    assert not [path for path in files(linked.root) if str(store.root).encode() in path.read_bytes()]


def files(root: Path) -> list[Path]:
    """Return the files below the folder, sorted."""
    return sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())


def test_entries_are_what_is_there(store: Store, everything: Realised) -> None:
    linked = link(everything, store)
    assert list(linked.entries) == sorted(linked.entries)
    found = {str(path.relative_to(linked.root)) for path in linked.root.rglob("*") if path.is_symlink()}
    found |= {str(path.relative_to(linked.root)) for path in files(linked.root)}
    assert found == set(linked.entries)
    for path, entry in linked.entries.items():
        place = linked.root / path
        if entry.kind == "link":
            assert (str(place.readlink()), entry.sha256, entry.mode) == (entry.target, "", 0o777)
        else:
            status = place.stat()
            assert (digest_file(place).hex, status.st_size) == (entry.sha256, entry.size_bytes)
            assert status.st_mode & 0o777 == entry.mode & ~0o222
            assert entry.mode in {0o755, 0o644}


def test_the_second_call_finds_the_same(store: Store, everything: Realised) -> None:
    assert link(everything, store) == link(everything, store)
