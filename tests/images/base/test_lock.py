"""The file that says which base it is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bindery.core import BadInput, Digest
from bindery.images.base import BaseLock, BasePackage, parse_base_locks, read_base_lock, write_base_lock
from bindery.images.base.lock import encode_base_locks

if TYPE_CHECKING:
    from pathlib import Path

LOCK = BaseLock(
    reference="debian:bookworm",
    digest=Digest("sha256", "ab" * 32),
    platform="linux-64",
    origin="debian",
    requested=("vim",),
    packages=(BasePackage(name="bash", version="5.2.15-2+b7", arch="amd64"),),
    made_with="mmdebstrap 1.3.5, format 1",
)
GOLDEN = f"""{{
 "bases": {{
  "linux-64": {{
   "digest": "sha256:{"ab" * 32}",
   "made_with": "mmdebstrap 1.3.5, format 1",
   "origin": "debian",
   "packages": [
    "bash=5.2.15-2+b7=amd64"
   ],
   "reference": "debian:bookworm",
   "requested": [
    "vim"
   ]
  }}
 }},
 "schema": 1
}}
"""


def test_the_file_has_these_bytes(tmp_path: Path) -> None:
    write_base_lock(tmp_path / "base.lock", LOCK)
    assert (tmp_path / "base.lock").read_text(encoding="utf-8") == GOLDEN
    assert read_base_lock(tmp_path / "base.lock", "linux-64") == LOCK


def test_each_platform_has_a_base_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "base.lock"
    other = replace(LOCK, platform="linux-aarch64", digest=Digest("sha256", "cd" * 32), origin="registry", packages=())
    assert read_base_lock(path, "linux-64") is None
    write_base_lock(path, LOCK)
    assert read_base_lock(path, "linux-aarch64") is None
    write_base_lock(path, other)
    assert (read_base_lock(path, "linux-64"), read_base_lock(path, "linux-aarch64")) == (LOCK, other)


words = st.text(st.characters(codec="utf-8", exclude_characters="="), min_size=1, max_size=8)
packages = st.builds(BasePackage, name=words, version=words, arch=words)
locks = st.builds(
    BaseLock,
    reference=words,
    digest=st.binary(min_size=32, max_size=32).map(lambda raw: Digest("sha256", raw.hex())),
    platform=st.just("linux-64"),
    origin=st.sampled_from(["debian", "registry", "layout"]),
    requested=st.lists(words, max_size=3).map(tuple),
    packages=st.lists(packages, max_size=3).map(tuple),
    made_with=words,
)


@settings(deadline=None, max_examples=50)
@given(locks)
def test_what_is_written_is_read(lock: BaseLock) -> None:
    assert parse_base_locks(encode_base_locks({"linux-64": lock}), "base.lock") == {"linux-64": lock}


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (('"schema": 1', '"schema": 2'), "schema is 2, and this bindery knows 1\n  fix: take a newer bindery"),
        (('"bases": {', '"base": {'), "bases is missing"),
        (('"debian"', '"cloud"'), "bases.linux-64.origin is 'cloud', not one of debian, registry, layout"),
        (('"sha256:', '"sha512:'), f"bases.linux-64.digest is 'sha512:{'ab' * 32}', which is no SHA-256 digest"),
        (("bash=5.2.15-2+b7=amd64", "bash"), "'bash' is not a package, name=version=arch"),
        (('"reference": "debian:bookworm"', '"reference": 1'), "bases.linux-64.reference is a number, not text"),
        ((GOLDEN, "[]"), "is a list, not an object"),
    ],
)
def test_a_damaged_file_is_refused(change: tuple[str, str], error: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_base_locks(GOLDEN.replace(*change).encode(), "binder/base.lock")
    assert str(caught.value) == f"binder/base.lock: {error}"
