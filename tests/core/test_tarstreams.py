from __future__ import annotations

import io
import os
import tarfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bindery.core import digest_bytes
from bindery.core.tarstreams import (
    TarMember,
    bytes_member,
    file_member,
    folder_member,
    link_member,
    tidy_mode,
    write_tar,
)

if TYPE_CHECKING:
    from pathlib import Path

EPOCH_S = 1_700_000_000
paths = st.from_regex(r"[a-zé]{1,60}(/[A-Z0-9.]{1,60}){0,3}x", fullmatch=True)
members = st.builds(bytes_member, paths, st.binary(max_size=2000), st.sampled_from([0o644, 0o755, 0o600, 0o700]))


def _tar(some: list[TarMember]) -> bytes:
    sink = io.BytesIO()
    write_tar(some, sink, epoch_s=EPOCH_S)
    return sink.getvalue()


@given(st.lists(members, unique_by=lambda member: member.path), st.randoms())
def test_archive_ignores_order_and_gives_back_what_went_in(some: list[TarMember], random: object) -> None:
    shuffled = list(some)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    data = _tar(some)

    assert _tar(shuffled) == data
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert archive.getnames() == sorted((member.path for member in some), key=str.encode)
        for member in some:
            header = archive.getmember(member.path)
            reader = archive.extractfile(header)
            assert member.open is not None
            assert reader is not None
            with member.open() as stream:
                assert reader.read() == stream.read()
            assert (header.mode, header.mtime, header.uid, header.uname) == (member.mode, EPOCH_S, 0, "")


def test_archive_has_these_bytes() -> None:
    data = _tar(
        [bytes_member("b", b"two\n"), folder_member("a"), link_member("a/c", "../b"), bytes_member("é" * 80, b"")]
    )

    assert len(data) == tarfile.RECORDSIZE
    assert digest_bytes(data).hex == "c6a2b0b37bf1f4cf479b0bd6902a8dd401d2698517af0a4fb47bed40cb93abba"


def test_file_on_disk_ignores_umask_and_times(tmp_path: Path) -> None:
    path = tmp_path / "run"
    archives = []
    for mode, time_s in ((0o755, 1), (0o700, 2)):
        path.write_bytes(b"#!/bin/sh\n")
        path.chmod(mode)
        os.utime(path, (time_s, time_s))
        archives.append(_tar([file_member("bin/run", path)]))

    assert archives[0] == archives[1]
    assert (tidy_mode(0o100), tidy_mode(0o666)) == (0o755, 0o644)


def test_file_that_became_shorter_is_named() -> None:
    member = TarMember(path="a", mode=0o644, size_bytes=10, open=lambda: io.BytesIO(b"four"))

    with pytest.raises(OSError, match=r"^a: ended 6 bytes before its size of 10$"):
        _tar([member])
