from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from bindery.core import BadInput, Store, ToolFailed, digest_bytes, host_platform, oci_platform
from bindery.images import Layout, make_layout, open_layout, parse_manifest, read_image, store_layout
from bindery.images.layout import SMALL_BYTES
from bindery.images.manifest import (
    CONFIG,
    EMPTY,
    INDEX,
    LAYER_GZIP,
    MANIFEST,
    ConfigFields,
    Descriptor,
    encode_config,
    encode_index,
    encode_manifest,
)

if TYPE_CHECKING:
    from pathlib import Path

ABSENT = digest_bytes(b"absent")
WRITER = """
import os, sys, threading
from pathlib import Path
from bindery.images import make_layout
layout = make_layout(Path(sys.argv[1]))
with layout.blob_writer() as blob:
    for number in range(int(sys.argv[2])):
        blob.write(bytes([number % 256]) * 1000)
        if number == int(sys.argv[3]):
            print("there", flush=True)
            threading.Event().wait(60)
"""


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return store_layout(Store(tmp_path / "store"))


def write_image(layout: Layout, name: str = "", *, architecture: str = "amd64", layers: int = 0) -> Descriptor:
    content = layout.write_blob(b"layer")
    config = encode_config(ConfigFields(os="linux", architecture=architecture, diff_ids=(content,) * layers))
    raw = encode_manifest(
        Descriptor(media_type=CONFIG, digest=layout.write_blob(config), size_bytes=len(config)),
        [Descriptor(media_type=LAYER_GZIP, digest=content, size_bytes=5)] * layers,
    )
    layout.write_blob(raw)
    descriptor = parse_manifest(raw, "x").descriptor
    if name:
        layout.tag(name, descriptor)
    return descriptor


def files(layout: Layout) -> list[str]:
    return sorted(
        str(path.relative_to(layout.root))
        for path in layout.root.rglob("*")
        if path.is_file() and ".locks" not in path.parts
    )


def error_of(call: object, *words: object) -> str:
    with pytest.raises((BadInput, ToolFailed)) as caught:
        call(*words)  # type: ignore[operator]
    return str(caught.value)


def test_a_layout_is_what_the_specification_says(layout: Layout) -> None:
    digest = layout.write_blob(b"some")

    assert files(layout) == [f"blobs/sha256/{digest.hex}", "index.json", "oci-layout"]
    assert (layout.root / "oci-layout").read_bytes() == b'{"imageLayoutVersion":"1.0.0"}'
    assert (layout.root / "index.json").read_bytes() == encode_index([])
    assert layout.blob_path(digest).stat().st_mode & 0o777 == 0o444
    assert open_layout(layout.root) == make_layout(layout.root) == layout


def test_blobs_are_read_and_verified(layout: Layout) -> None:
    digest = layout.write_blob(b"some")
    assert layout.read_blob(digest, "x") == b"some"
    assert layout.has_blob(digest)
    assert layout.has_blob(digest, 4)
    assert not layout.has_blob(digest, 5)
    assert not layout.has_blob(ABSENT)
    with layout.open_blob(digest) as stream:
        assert (stream.read(1), stream.read(), stream.read()) == (b"s", b"ome", b"")


def test_a_flipped_byte_is_found_and_written_over(layout: Layout) -> None:
    data = bytes(3_000_000)
    digest = layout.write_blob(data)
    path = layout.blob_path(digest)
    path.chmod(0o644)
    with path.open("r+b") as stream:
        stream.seek(2_000_000)
        stream.write(b"\x01")
    wrong = f"{path}: the blob does not have its digest {digest}\n  fix: remove it, and make or pull the image again"

    assert error_of(layout.read_blob, digest, "x") == wrong
    with layout.open_blob(digest) as stream:
        assert stream.read(1_000_000) == bytes(1_000_000)
        assert error_of(stream.read) == wrong

    assert layout.write_blob(data) == digest
    assert layout.read_blob(digest, "x") == data


def test_what_is_wrong_with_a_blob_is_said(layout: Layout) -> None:
    digest = layout.write_blob(b"some")
    assert error_of(layout.read_blob, ABSENT, "here") == f"here: there is no blob {ABSENT}"
    with pytest.raises(BadInput) as caught, layout.open_blob(ABSENT):
        pass
    assert str(caught.value) == f"{layout.root}: there is no blob {ABSENT}"
    longer = Descriptor(media_type=MANIFEST, digest=digest, size_bytes=5)
    assert error_of(layout.read_blob, longer, "here") == f"here: the blob {digest} has 4 bytes, expected 5"
    path = layout.blob_path(ABSENT)
    with path.open("wb") as stream:
        stream.truncate(SMALL_BYTES + 1)
    assert error_of(layout.read_blob, ABSENT, "here") == f"here: the blob {ABSENT} is larger than 32 MiB"


def test_nothing_is_left_of_a_blob_that_failed(layout: Layout) -> None:
    before = files(layout)
    with suppress(KeyboardInterrupt), layout.blob_writer() as blob:
        blob.write(b"half")
        raise KeyboardInterrupt
    assert files(layout) == before
    with pytest.raises(BadInput) as caught, layout.blob_writer(expected=ABSENT) as blob:
        blob.write(b"other")
    assert str(caught.value) == f"blob {ABSENT}: sha256 is {digest_bytes(b'other').hex}, expected {ABSENT.hex}"
    assert files(layout) == before


def test_a_disk_that_takes_no_more_leaves_nothing(layout: Layout) -> None:
    before = files(layout)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limit[1]))
        with pytest.raises(OSError, match="File too large"), layout.blob_writer() as blob:
            blob.write(bytes((1 << 20) + 1))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, handler)
    assert files(layout) == before


def test_names_mean_what_was_tagged_last(layout: Layout) -> None:
    old, new = write_image(layout, "pangeo:1"), write_image(layout, layers=1)
    layout.tag("pangeo:2", old)
    layout.tag("ocean", new)
    layout.tag("pangeo:1", new)

    assert list(layout.names()) == ["ocean", "pangeo:1", "pangeo:2"]
    assert layout.resolve("pangeo:1").digest == new.digest
    assert layout.resolve("pangeo:2").digest == old.digest
    assert layout.resolve("ocean").digest == new.digest
    # The digest decides, wherever the name has gone.
    assert layout.resolve(f"pangeo:1@{old.digest}").digest == old.digest
    layout.untag("pangeo:2")
    assert layout.resolve(str(old.digest)) == old
    assert read_image(layout, str(old.digest)).digest == old.digest


def test_latest_need_not_be_said(layout: Layout) -> None:
    write_image(layout, "pangeo:latest")
    assert layout.resolve("pangeo") == layout.names()["pangeo:latest"]


def test_what_refers_to_an_image_needs_no_name(layout: Layout) -> None:
    artifact = write_image(layout)
    layout.add(artifact)
    layout.add(artifact)
    assert layout.entries() == (artifact,)
    assert layout.names() == {}
    assert error_of(layout.add, Descriptor(media_type=MANIFEST, digest=ABSENT, size_bytes=1)) == (
        f"{layout.root}: there is no blob {ABSENT} to be listed"
    )


def test_what_is_not_there_is_named_with_what_is_like_it(layout: Layout) -> None:
    where = str(layout.root)
    assert error_of(layout.resolve, "pangeo") == f"{where}: there is no image pangeo"
    for name in ("pangeo:2025.08.14", "pangeo:2025.09.01", "ocean:1"):
        write_image(layout, name)
    assert error_of(layout.resolve, "pangeo:2025.08.41") == (
        f"{where}: there is no image pangeo:2025.08.41\n  fix: use pangeo:2025.08.14 or pangeo:2025.09.01"
    )
    assert error_of(layout.untag, "pangeo") == (
        f"{where}: there is no image pangeo\n  fix: use pangeo:2025.08.14 or pangeo:2025.09.01"
    )
    assert error_of(layout.resolve, f"x@{ABSENT}") == f"{where}: there is no image x@{ABSENT}"


def test_a_name_must_be_one_and_mean_something(layout: Layout) -> None:
    image = write_image(layout)
    for name in ("", "a b", "-a", "a/", "é", "a:"):
        assert error_of(layout.tag, name, image) == f"{layout.root}: {name!r} cannot be the name of an image"
    for name in ("a", "a:1", "host.org/some--thing/x_1:2025.08.14", "a@b"):
        layout.tag(name, image)
    absent = Descriptor(media_type=MANIFEST, digest=ABSENT, size_bytes=1)
    assert error_of(layout.tag, "a", absent) == f"{layout.root}: there is no blob {ABSENT} to be named a"


def test_of_an_index_comes_the_image_of_the_platform(layout: Layout) -> None:
    arm, amd = write_image(layout, architecture="arm64"), write_image(layout, architecture="amd64")
    unknown = write_image(layout, architecture="s390x")

    def tag_index(name: str, **images: Descriptor) -> None:
        entries = [
            Descriptor(media_type=MANIFEST, digest=one.digest, size_bytes=one.size_bytes, platform=("linux", key))
            for key, one in images.items()
        ]
        attestation = Descriptor(
            media_type=MANIFEST, digest=unknown.digest, size_bytes=1, platform=("unknown", "unknown")
        )
        raw = encode_index([*entries, attestation])
        layout.tag(name, Descriptor(media_type=INDEX, digest=layout.write_blob(raw), size_bytes=len(raw)))

    tag_index("both", amd64=amd, arm64=arm)
    tag_index("arm", arm64=arm)

    assert read_image(layout, "both", "linux-aarch64").config.architecture == "arm64"
    assert read_image(layout, "both", "linux-64").config.architecture == "amd64"
    assert read_image(layout, "both").config.architecture == oci_platform(host_platform())[1]
    assert read_image(layout, "arm").config.architecture == "arm64"
    assert read_image(layout, str(layout.resolve("arm").digest)).config.architecture == "arm64"
    assert error_of(read_image, layout, "arm", "linux-64") == "arm: has no image for linux-64, only for linux/arm64"
    assert error_of(read_image, layout, "arm", "osx-64") == (
        "there are no images for osx-64\n  fix: use one of linux-64, linux-aarch64"
    )
    tag_index("none")
    assert error_of(read_image, layout, "none", "linux-64") == "none: has no images"


def test_what_is_no_image_is_refused(layout: Layout) -> None:
    empty = layout.write_blob(b"{}")
    raw = encode_manifest(Descriptor(media_type=EMPTY, digest=empty, size_bytes=2), [], artifact_type="text/plain")
    layout.write_blob(raw)
    layout.tag("artifact", parse_manifest(raw, "x").descriptor)
    assert error_of(read_image, layout, "artifact") == "artifact: is an artifact of type text/plain, not an image"
    layout.tag("layer", Descriptor(media_type=LAYER_GZIP, digest=empty, size_bytes=2))
    assert error_of(read_image, layout, "layer") == f"layer: is {LAYER_GZIP}, not an image"
    config = encode_config(ConfigFields(os="linux", architecture="amd64", diff_ids=(empty,)))
    raw = encode_manifest(Descriptor(media_type=CONFIG, digest=layout.write_blob(config), size_bytes=len(config)), [])
    layout.write_blob(raw)
    layout.tag("odd", parse_manifest(raw, "x").descriptor)
    assert error_of(read_image, layout, "odd") == "odd: has 0 layers, but diff IDs for 1"


def test_an_image_has_its_layers_with_their_diff_ids(layout: Layout) -> None:
    write_image(layout, "a", layers=2)
    image = read_image(layout, "a")
    assert [(one.size_bytes, diff_id) for one, diff_id in image.layers] == [(5, digest_bytes(b"layer"))] * 2


def test_what_is_no_layout_is_refused(tmp_path: Path) -> None:
    what = "is not an OCI layout: it lacks oci-layout or index.json"
    assert error_of(open_layout, tmp_path) == f"{tmp_path}: {what}"
    mark = tmp_path / "oci-layout"
    mark.write_text('{"imageLayoutVersion":"2.0"}', encoding="utf-8")
    assert error_of(open_layout, tmp_path) == f"{tmp_path}: {what}"
    (tmp_path / "index.json").write_text("{}", encoding="utf-8")
    assert error_of(open_layout, tmp_path) == f"{mark}: imageLayoutVersion is 2.0, not 1.0.0"


def test_many_at_once_write_the_same_blob_and_their_own_names(layout: Layout) -> None:
    image = write_image(layout)
    with ThreadPoolExecutor(8) as threads:
        digests = set(threads.map(lambda _: layout.write_blob(bytes(100_000)), range(16)))
        list(threads.map(lambda number: Layout(layout.root).tag(f"n{number}", image), range(16)))
    assert digests == {digest_bytes(bytes(100_000))}
    assert set(layout.names()) == {f"n{number}" for number in range(16)}
    assert not [name for name in files(layout) if ".work" in name]


def test_a_killed_writer_leaves_nothing_that_stays(layout: Layout) -> None:
    before = files(layout)
    words = [sys.executable, "-c", WRITER, str(layout.root), "100", "50"]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == b"there\n"
        (left,) = set(files(layout)) - set(before)
        assert left.startswith("blobs/.work/")
        # It is another's as long as that one lives.
        layout.write_blob(b"some")
        assert left in files(layout)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
    layout.write_blob(b"more")
    assert left not in files(layout)
    done = subprocess.run([*words[:-1], "-1"], check=True)
    assert done.returncode == 0
    data = b"".join(bytes([number]) * 1000 for number in range(100))
    assert layout.read_blob(digest_bytes(data), "x") == data


def test_readers_see_whole_indexes_while_names_change(layout: Layout) -> None:
    image = write_image(layout, "a")
    stop = threading.Event()

    def change() -> None:
        while not stop.is_set():
            layout.tag("b", image)
            layout.untag("b")

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(200):
            assert set(layout.names()) <= {"a", "b"}
    finally:
        stop.set()
        thread.join()


def test_a_layout_lies_where_any_folder_can(tmp_path: Path) -> None:
    folder = tmp_path / ".hidden" / "with space é"
    layout = make_layout(folder)
    write_image(layout, "a")
    assert read_image(open_layout(folder), "a").config.os == "linux"
    assert os.listdir(tmp_path) == [".hidden"]  # noqa: PTH208 - names are asked for, not paths
