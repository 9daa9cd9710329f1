from __future__ import annotations

import hashlib
import io
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bindery.core import (
    CHUNK_BYTES,
    BadInput,
    Digest,
    digest_bytes,
    digest_file,
    digest_stream,
    parse_digest,
    verify_file,
)

if TYPE_CHECKING:
    from pathlib import Path

    from bindery.core.digests import Algorithm

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_a_digest_is_written_as_oci_writes_it() -> None:
    assert str(digest_bytes(b"")) == f"sha256:{EMPTY}"
    assert str(digest_bytes(b"", "md5")) == "md5:d41d8cd98f00b204e9800998ecf8427e"


@given(data=st.binary(max_size=200))
@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
def test_parsing_what_was_written_gives_the_digest(algorithm: Algorithm, data: bytes) -> None:
    digest = digest_bytes(data, algorithm)
    assert parse_digest(str(digest)) == digest
    assert digest_stream(io.BytesIO(data), algorithm) == digest


@pytest.mark.parametrize(
    "text",
    ["", "sha256", "sha256:", f"sha256:{EMPTY[:-1]}", f"sha256:{EMPTY.upper()}", f"sha256:{EMPTY} ", f"sha512:{EMPTY}",
     f"md5:{EMPTY}", f"sha256:{EMPTY}\n"],
)  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match=rf"^{re.escape(text)} is not a digest$"):
        parse_digest(text)


def test_a_digest_cannot_be_made_of_an_unknown_algorithm() -> None:
    with pytest.raises(BadInput, match=r"^sha1:00 is not a digest$"):
        Digest("sha1", "00")  # type: ignore[arg-type]


def test_a_file_longer_than_a_chunk_is_read_whole(tmp_path: Path) -> None:
    data = b"x" * (CHUNK_BYTES + 1)
    (tmp_path / "x").write_bytes(data)
    assert digest_file(tmp_path / "x").hex == hashlib.sha256(data).hexdigest()


def test_a_file_with_the_expected_bytes_passes(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x")
    verify_file(tmp_path / "x", digest_bytes(b"x", "md5"))


def test_a_file_with_other_bytes_is_named_with_both_digests(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"")
    with pytest.raises(BadInput) as caught:
        verify_file(tmp_path / "x", Digest("sha256", "0" * 64), "delete it")
    assert str(caught.value) == f"{tmp_path}/x: sha256 is {EMPTY}, expected {'0' * 64}\n  fix: delete it"
