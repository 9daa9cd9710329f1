"""What the store keeps of archives: as good as the archives, and no proof of anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bindery.core import NoProgress, digest_bytes
from bindery.prefixes import ensure_prefix, members, verify_prefix
from bindery.prefixes.expected import expect_tree
from bindery.prefixes.making import gather_contents

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bindery.core import Store
    from bindery.environments import Realised
    from bindery.prefixes.tree import ExpectedTree


def expect(realised: Realised, store: Store, kept: Store | None) -> ExpectedTree:
    """Return the tree at a place where it is not."""
    return expect_tree(gather_contents(realised, store, NoProgress()), "/p", realised.platform, kept)


def kept_file(realised: Realised, store: Store, name: str) -> Path:
    """Return the file in which the store keeps what it knows of the package."""
    return store.path(members.KIND, next(p.sha256.hex for p in realised.installed if p.name == name))


def test_what_is_kept_gives_the_same_tree(store: Store, everything: Realised, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = expect(everything, store, None)
    assert expect(everything, store, store) == fresh  # before anything is unpacked
    ensure_prefix(everything, store=store, progress=NoProgress())
    monkeypatch.setattr("bindery.prefixes.members.open_payload", None)
    monkeypatch.setattr("bindery.prefixes.expected.open_payload", None)
    assert expect(everything, store, store) == fresh


def test_an_unpacked_file_that_was_edited_is_read_from_the_archive(store: Store, everything: Realised) -> None:
    ensure_prefix(everything, store=store, progress=NoProgress())
    unpacked = store.root / "packages" / "library-1.0-0" / "lib" / "libit.so.1"
    unpacked.chmod(0o644)
    unpacked.write_bytes(b"edited")
    assert expect(everything, store, store) == expect(everything, store, None)


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: data.replace(b"tool", b"tooL"), lambda _: b""])
def test_a_damaged_list_is_made_again(store: Store, everything: Realised, damage: Callable[[bytes], bytes]) -> None:
    fresh = expect(everything, store, store)
    path = kept_file(everything, store, "tool")
    good = path.read_bytes()
    path.write_bytes(damage(good))
    assert expect(everything, store, store) == fresh
    assert path.read_bytes() == good


def test_what_is_kept_convinces_nobody_who_verifies(store: Store, everything: Realised) -> None:
    expect(everything, store, store)
    path = kept_file(everything, store, "tool")
    _, _, table = path.read_bytes().partition(b"\n")
    lie = table.replace(b"share/tool/data.txt\0file\0\0", b"share/tool/data.txt\0file\0x\0")
    assert lie != table
    path.write_bytes(f"{digest_bytes(lie)}\n".encode() + lie)
    prefix = ensure_prefix(everything, store=store, progress=NoProgress()).path
    findings = verify_prefix(prefix, everything, store=store, progress=NoProgress())
    assert [(finding.path, finding.what) for finding in findings] == [("share/tool/data.txt", "mode")]
