"""Only packages that are new have to be compiled for the next linked prefix."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from tests.prefixes.conftest import PYTHON, Packed, Recipe, python_recipe, tool_recipe

from bindery.core import NoProgress, Store, digest_file, remove_tree
from bindery.prefixes import ensure_linked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.prefixes.conftest import Realise

    from bindery.core import Task, Unit
    from bindery.environments import Realised
    from bindery.prefixes import LinkedPrefix

TARGET = "/srv/conda/envs/notebook"


class Counting(NoProgress):
    """Counts the files that are compiled."""

    def __init__(self) -> None:
        self.compiled = 0

    @contextmanager
    def task(self, label: str, total: int | None, unit: Unit) -> Iterator[Task]:
        """Keep the total."""
        self.compiled += (total or 0) if label == "Compiling bytecode" else 0
        with super().task(label, total, unit) as task:
            yield task


def link(realised: Realised, store: Store) -> tuple[LinkedPrefix, int]:
    """Return the linked prefix and how many sources were compiled for it."""
    counting = Counting()
    return ensure_linked(realised, TARGET, store=store, progress=counting), counting.compiled


def bytecode(linked: LinkedPrefix) -> dict[str, str]:
    """Return the digest of each bytecode file, as it is on the disk."""
    found = {path: digest_file(linked.root / path).hex for path in linked.entries if path.endswith(".pyc")}
    assert found == {path: linked.entries[path].sha256 for path in found}
    return found


def extra(text: str) -> Recipe:
    """Return a package of one module."""
    return Recipe(name="extra", noarch="python", files={"site-packages/extra.py": Packed(data=text.encode())})


def test_only_what_changed_is_compiled(store: Store, realise_packages: Realise) -> None:
    first, count = link(realise_packages(python_recipe(), tool_recipe(), extra("A = 1\n")), store)
    assert count == 5
    second, count = link(realise_packages(python_recipe(), tool_recipe(), extra("A = 2\n")), store)
    assert count == 1
    changed = {path for path, digest in bytecode(second).items() if bytecode(first)[path] != digest}
    assert changed == {f"lib/python{PYTHON}/site-packages/__pycache__/extra.{sys.implementation.cache_tag}.pyc"}


def test_what_was_kept_is_what_would_be_compiled(tmp_path: Path, everything: Realised) -> None:
    store = Store(tmp_path / "one")
    first, count = link(everything, store)
    assert count == 4
    remove_tree(first.root.parent)
    again, count = link(everything, store)
    assert count == 0
    fresh, count = link(everything, Store(tmp_path / "two"))
    assert count == 4
    assert bytecode(again) == bytecode(fresh) == bytecode(first)


def test_another_place_is_compiled_anew(store: Store, everything: Realised) -> None:
    link(everything, store)
    counting = Counting()
    ensure_linked(everything, "/opt/env", store=store, progress=counting)
    assert counting.compiled == 4


def flip(folder: Path) -> None:
    """Change a byte of a kept file."""
    path = next(path for path in sorted(folder.glob("*/0")) if path.parent.parent == folder)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")


def forget_one(folder: Path) -> None:
    """Take a kept file away."""
    next(iter(sorted(folder.glob("*/0")))).unlink()


def cut_list(folder: Path) -> None:
    """Shorten a list of digests."""
    path = next(iter(sorted(folder.glob("*/list"))))
    path.write_text(path.read_text()[:-1])


@pytest.mark.parametrize("damage", [flip, forget_one, cut_list])
def test_what_was_kept_and_damaged_is_compiled_again(
    store: Store, everything: Realised, damage: Callable[[Path], None]
) -> None:
    first, _ = link(everything, store)
    before = bytecode(first)
    remove_tree(first.root.parent)
    damage(store.root / "bytecode")
    again, count = link(everything, store)
    assert 0 < count < 4
    assert bytecode(again) == before
    remove_tree(again.root.parent)
    assert link(everything, store)[1] == 0
