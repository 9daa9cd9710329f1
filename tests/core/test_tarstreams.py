from __future__ import annotations

import io
import os
import subprocess
import tarfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bindery.core import digest_bytes
from bindery.core.tarstreams import (
    TarMember,
    _header,
    bytes_member,
    file_member,
    folder_member,
    hard_link_member,
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


def test_hard_links_come_after_what_they_link_to() -> None:
    data = _tar([hard_link_member("a", "b/c", 0o755), bytes_member("b/c", b"#!", 0o755), hard_link_member("z", "b/c")])

    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert [(one.name, one.islnk(), one.linkname, one.size) for one in archive.getmembers()] == [
            ("b/c", False, "", 2),
            ("a", True, "b/c", 0),
            ("z", True, "b/c", 0),
        ]


def test_owners_are_numbers() -> None:
    big = 3_000_000_000  # more than the header's field holds
    data = _tar([replace(bytes_member("a", b""), uid=1000, gid=100), replace(folder_member("b"), uid=big, gid=big)])

    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert [(one.uid, one.gid, one.uname, one.gname) for one in archive] == [
            (1000, 100, "", ""),
            (big, big, "", ""),
        ]


def test_names_need_not_be_utf_8(tmp_path: Path) -> None:
    data = _tar([bytes_member("b\udcff", b"1"), link_member("a", "b\udcff"), bytes_member("\udcfe/" + "x" * 200, b"")])

    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert [one.name for one in archive] == ["a", "b\udcff", "\udcfe/" + "x" * 200]
        assert archive.getmember("a").linkname == "b\udcff"
    subprocess.run(["tar", "-x", "-C", tmp_path], input=data, check=True)
    assert sorted(os.listdir(os.fsencode(tmp_path))) == [b"a", b"b\xff", b"\xfe"]  # noqa: PTH208 - as bytes


def test_files_of_more_than_8_gib_have_headers_that_say_so() -> None:
    header = _header(TarMember(path="big", mode=0o644, size_bytes=9 << 30, open=io.BytesIO), EPOCH_S)

    with tarfile.open(fileobj=io.BytesIO(header)) as archive:
        member = archive.next()
    assert member is not None
    assert (member.name, member.size) == ("big", 9 << 30)
