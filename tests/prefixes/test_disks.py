"""Disks that are full or cannot be written: real ones, in a name space of their own where the kernel allows that."""

from __future__ import annotations

import pickle
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.name_space import after_mounting
from tests.prefixes.conftest import Packed, Recipe, python_recipe, tool_recipe

from bindery.core import NoProgress, Store, ToolFailed
from bindery.prefixes import ensure_prefix, verify_prefix
from bindery.prefixes.linking import LinkFailed, _failed

if TYPE_CHECKING:
    from pathlib import Path

    from tests.prefixes.conftest import Realise

    from bindery.environments import Realised

INSTALL = """
import pickle, sys
from bindery.core import BinderyError, NoProgress, Store
from bindery.prefixes import ensure_prefix
realised, root = pickle.load(sys.stdin.buffer)
try:
    print(ensure_prefix(realised, store=Store(root), progress=NoProgress()).path)
except BinderyError as error:
    print(type(error).__name__, error)
"""


def install_on(mount: str, realised: Realised, root: Path) -> str:
    """Return what an installation says after the mount commands."""
    command = after_mounting(mount, sys.executable, "-c", INSTALL)
    given = pickle.dumps((realised, root))
    return subprocess.run(command, input=given, capture_output=True, check=True).stdout.decode()


def big_recipe() -> Recipe:
    """Return a package of 3 MB that packs well."""
    return Recipe(name="big", files={f"share/big/{number}": Packed(data=bytes(100_000)) for number in range(30)})


def test_a_full_disk_is_said_and_nothing_is_left(tmp_path: Path, realise_packages: Realise) -> None:
    realised = realise_packages(python_recipe(), tool_recipe(), big_recipe())
    store = Store(tmp_path / "store")
    store.root.mkdir()
    said = install_on(f"mount -t tmpfs -o size=1m tmpfs '{store.root}'", realised, store.root)
    assert said == f"ToolFailed {store.root}/packages: the disk is full\n  fix: free some space, or set BINDERY_STORE\n"
    prefix = ensure_prefix(realised, store=store, progress=NoProgress()).path
    assert verify_prefix(prefix, realised, store=store, progress=NoProgress()) == ()


def test_a_store_that_cannot_be_written_is_said_but_can_be_used(
    tmp_path: Path, everything: Realised, realise_packages: Realise
) -> None:
    store = Store(tmp_path / "store")
    prefix = ensure_prefix(everything, store=store, progress=NoProgress()).path
    mount = f"mount --bind '{store.root}' '{store.root}' && mount -o remount,ro,bind '{store.root}'"
    assert install_on(mount, everything, store.root) == f"{prefix}\n"
    said = install_on(mount, realise_packages(python_recipe()), store.root)
    assert said.startswith(f"ToolFailed {store.root}/prefix-records/.locks/")
    assert said.endswith(
        ": the file system is read-only\n  fix: see whose it is, or set BINDERY_STORE to a folder of yours\n"
    )
    assert verify_prefix(prefix, everything, store=store, progress=NoProgress()) == ()


@pytest.mark.parametrize("failure", ["x: No space left on device (os error 28)", "Disk quota exceeded (os error 122)"])
def test_what_rattler_says_of_a_full_disk_is_understood(tmp_path: Path, failure: str) -> None:
    error = _failed(failure, tmp_path)
    assert (type(error), str(error)) == (
        ToolFailed,
        f"{tmp_path}: the disk is full\n  fix: free some space, or set BINDERY_STORE",
    )


def test_what_else_rattler_says_is_handed_on(tmp_path: Path) -> None:
    error = _failed("failed to link x", tmp_path)
    assert (type(error), str(error)) == (LinkFailed, f"{tmp_path}: packages cannot be linked: failed to link x")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert str(again) == str(error)
