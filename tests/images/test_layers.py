from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bindery.core import Store, digest_bytes
from bindery.core.tarstreams import (
    TarMember,
    bytes_member,
    file_member,
    folder_member,
    hard_link_member,
    link_member,
)
from bindery.images import Layout, store_layout
from bindery.images.compression import open_decompressed
from bindery.images.layers import Layer, with_folders, write_layer
from bindery.images.manifest import LAYER_GZIP

ROOT = Path(__file__).parents[2]
BIG = """
import sys
from pathlib import Path
from tests.memory import peak_kib
from bindery.core.tarstreams import file_member
from bindery.images import make_layout
from bindery.images.layers import write_layer
layout = make_layout(Path(sys.argv[1]))
write_layer([file_member("small", Path(sys.argv[2]))], layout, title="small")
before = peak_kib()
layer = write_layer([file_member("big", Path(sys.argv[3]))], layout, title="big")
print(peak_kib() - before, layer.descriptor.size_bytes)
"""
names = st.from_regex(r"[a-z]{1,4}(/[a-z]{1,4}){0,3}f", fullmatch=True)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return store_layout(Store(tmp_path / "store"))


def read(layout: Layout, layer: Layer) -> bytes:
    with (
        layout.open_blob(layer.descriptor.digest) as stream,
        open_decompressed(stream, layer.descriptor.media_type) as plain,
    ):
        return plain.read()


def tree() -> list[TarMember]:
    return [
        bytes_member("usr/local/bin/start", b"#!/bin/sh\n", 0o755),
        link_member("usr/local/bin/begin", "start"),
        hard_link_member("usr/local/bin/also", "usr/local/bin/start", 0o755),
        replace(folder_member("home/jovyan"), uid=1000, gid=1000),
        replace(bytes_member("home/jovyan/é", b"text"), uid=1000, gid=1000),
        replace(folder_member("tmp"), mode=0o1777),
    ]


def test_a_layer_is_known_by_three_numbers(layout: Layout) -> None:
    layer = write_layer(tree(), layout, title="runtime")

    data = read(layout, layer)
    assert layer.title == "runtime"
    assert layer.diff_id == digest_bytes(data)
    assert layer.descriptor.media_type == LAYER_GZIP
    stored = layout.blob_path(layer.descriptor.digest).read_bytes()
    assert (layer.descriptor.digest, layer.descriptor.size_bytes) == (digest_bytes(stored), len(stored))


def test_a_layer_has_these_bytes(layout: Layout) -> None:
    layer = write_layer(tree(), layout, title="runtime")
    assert layer.diff_id.hex == "5268edf903f2b92ddc2cf4a9ea2d64b619c0365a07a2ba6a566c21dd9ebc26ca"
    assert layer.descriptor.digest.hex == "3c99db43667b11418e22afd667f9a73c34834f639b700ff5c2aef469d34e4f16"


def test_a_layer_says_who_owns_what_and_nothing_of_the_machine(layout: Layout) -> None:
    data = read(layout, write_layer(tree(), layout, title="runtime"))

    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        found = archive.getmembers()
    assert [(one.name, oct(one.mode), one.uid, one.gid) for one in found] == [
        ("home", "0o755", 0, 0),
        ("home/jovyan", "0o755", 1000, 1000),
        ("home/jovyan/é", "0o644", 1000, 1000),
        ("tmp", "0o1777", 0, 0),
        ("usr", "0o755", 0, 0),
        ("usr/local", "0o755", 0, 0),
        ("usr/local/bin", "0o755", 0, 0),
        ("usr/local/bin/begin", "0o777", 0, 0),
        ("usr/local/bin/start", "0o755", 0, 0),
        ("usr/local/bin/also", "0o755", 0, 0),
    ]
    assert {(one.mtime, one.uname, one.gname) for one in found} == {(0, "", "")}
    assert found[-1].islnk()
    assert found[-1].linkname == "usr/local/bin/start"


@given(st.dictionaries(names, st.binary(max_size=100), max_size=8), st.randoms())
def test_a_layer_ignores_order(files: dict[str, bytes], random: object) -> None:
    def archive(members: list[TarMember]) -> list[str]:
        return sorted(member.path for member in with_folders(members))

    members = [bytes_member(path, data) for path, data in files.items()]
    shuffled = list(members)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert archive(members) == archive(shuffled)
    paths = archive(members)
    assert len(set(paths)) == len(paths)
    assert all(path.rpartition("/")[0] in {"", *paths} for path in paths)


def test_a_layer_ignores_times_modes_umask_and_time_zone(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for number, (mode, umask, zone) in enumerate([(0o755, 0o022, "UTC"), (0o700, 0o077, "Pacific/Chatham")]):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        before = os.umask(umask)
        try:
            path = tmp_path / str(number)
            path.write_bytes(b"same")
            path.chmod(mode)
            os.utime(path, (number, number))
            found.append(write_layer([file_member("bin/x", path)], layout, title="x"))
        finally:
            os.umask(before)
    monkeypatch.undo()
    time.tzset()
    assert found[0] == found[1]


def test_a_file_that_changes_leaves_nothing(layout: Layout, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    member = file_member("file", path)
    path.write_bytes(b"123")
    with pytest.raises(OSError, match=r"^file: ended 2 bytes before its size of 5$"):
        write_layer([member], layout, title="x")
    assert list(layout.root.glob("blobs/sha256/*")) == []
    assert list(layout.root.glob("blobs/.work/*")) == []


def test_memory_does_not_grow_with_a_file(layout: Layout, tmp_path: Path) -> None:
    small, big = tmp_path / "small", tmp_path / "big"
    small.write_bytes(bytes(40 << 20))
    with big.open("wb") as stream:
        stream.truncate(400 << 20)
    words = [sys.executable, "-c", BIG, str(layout.root), str(small), str(big)]
    done = subprocess.run(words, capture_output=True, check=True, text=True, cwd=ROOT)
    grown_kib, size_bytes = map(int, done.stdout.split())
    assert grown_kib < 40 << 10
    assert 0 < size_bytes < 4 << 20
