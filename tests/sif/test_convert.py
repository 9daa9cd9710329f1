"""An image becomes a SIF: the same bytes from any source on any number of cores, whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.name_space import after_mounting
from tests.sif.layers import file, folder, hard, link, make_archive, make_config, make_image, tar

from bindery.core import BadInput, NoProgress, ToolFailed
from bindery.images import parse_config
from bindery.images.manifest import LAYER_GZIP, LAYER_TAR, LAYER_ZSTD
from bindery.sif import convert_image, read_object, read_sif
from bindery.sif.convert import identify

if TYPE_CHECKING:
    from bindery.images import Image
    from bindery.sif import DockerArchive, Sif, SquashCompression

LAYERS = (
    tar(folder("usr"), file("usr/a", b"1" * 200_000), hard("usr/b", "usr/a"), link("lib", "usr/lib"), file("gone")),
    tar(file("lib/c", bytes(300_000)), file(".wh.gone"), file("opt/d", b"2", 0o755)),
)
QUIET = NoProgress()


def convert(source: Image | DockerArchive, target: Path, processors: int, compression: SquashCompression) -> bytes:
    return convert_image(
        source, target, compression=compression, processors=processors, progress=QUIET
    ).path.read_bytes()


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_one_image_gives_one_file(tmp_path: Path, compression: SquashCompression) -> None:
    sources: list[Image | DockerArchive] = [
        make_image(tmp_path / "plain", LAYERS, LAYER_TAR),
        make_image(tmp_path / "gzip", LAYERS, LAYER_GZIP),
        make_image(tmp_path / "zstd", LAYERS, LAYER_ZSTD),
        make_archive(tmp_path / "old.tar", LAYERS),
        make_archive(tmp_path / "new.tar", LAYERS, is_new=True),
    ]
    made = [convert(source, tmp_path / "x.sif", cores, compression) for source in sources for cores in (1, 2)]
    assert len(set(made)) == 1
    assert convert(sources[0], tmp_path / "y.sif", 2, compression) == made[0]


@pytest.fixture
def sif(tmp_path: Path) -> Sif:
    return convert_image(make_image(tmp_path / "layout", LAYERS), tmp_path / "x.sif", progress=QUIET)


def test_the_header_says_what_the_configuration_says(sif: Sif) -> None:
    config = parse_config(make_config(LAYERS), "config")
    assert sif.uuid == uuid.uuid5(uuid.NAMESPACE_OID, str(config.digest))
    assert (sif.architecture, sif.created_s) == ("amd64", 1_755_172_800)
    assert [(one.kind, one.name) for one in sif.objects] == [
        ("deffile", ""),
        ("json", "inspect-metadata.json"),
        ("json", "oci-config.json"),
        ("partition", ""),
    ]
    assert read_object(sif, sif.objects[0]) == f"bootstrap: oci\nfrom: {config.digest}\n".encode()
    assert json.loads(read_object(sif, sif.objects[2])) == json.loads(config.raw)["config"]
    assert sif == read_sif(sif.path)
    squashed = sif.path.read_bytes()[sif.rootfs.offset_bytes :]
    assert squashed[:4] == b"hsqs"
    assert int.from_bytes(squashed[8:12], "little") == 1_755_172_800
    assert sif.path.stat().st_size == sif.rootfs.offset_bytes + sif.rootfs.size_bytes


def test_programs_that_pack_give_the_same_tree(tmp_path: Path, sif: Sif) -> None:
    """Another packer lays the same files out otherwise."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "mksquashfs").symlink_to(shutil.which("mksquashfs") or "")
    image = make_image(tmp_path / "layout", LAYERS)
    environ = {"PATH": str(tmp_path / "bin")}
    other = convert_image(image, tmp_path / "other.sif", environ=environ, progress=QUIET)
    assert listed(other) == listed(sif)
    assert "squashfs-root/usr/a" in listed(sif)


def listed(sif: Sif) -> str:
    command = ["unsquashfs", "-no-progress", "-lls", "-UTC", "-o", str(sif.rootfs.offset_bytes), str(sif.path)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.partition("drw")[2]


def config_with(**fields: str) -> bytes:
    return json.dumps({**json.loads(make_config(())), **fields}).encode()


@pytest.mark.parametrize(
    ("created", "created_s"),
    [
        ("2025-08-14T12:00:00Z", 1_755_172_800),
        ("2025-08-14T14:00:00.5+02:00", 1_755_172_800),
        ("2025-08-14T12:00:00.123456789Z", 1_755_172_800),
        ("0001-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00Z", 0),
    ],
)
def test_times_are_those_of_the_configuration(created: str, created_s: int) -> None:
    assert identify(parse_config(config_with(created=created), "x"), "x").created_s == created_s


def test_an_image_without_a_time_is_of_1970() -> None:
    document = json.loads(make_config(()))
    del document["created"]
    assert identify(parse_config(json.dumps(document).encode(), "x"), "x").created_s == 0


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"os": "windows"}, "image: is an image for windows, not for Linux"),
        ({"created": "yesterday"}, "image: its configuration says that it was created at 'yesterday'"),
    ],
)
def test_images_that_cannot_be_one_are_refused(fields: dict[str, str], expected: str) -> None:
    with pytest.raises(BadInput) as raised:
        identify(parse_config(config_with(**fields), "x"), "image")
    assert str(raised.value) == expected


def test_what_was_there_stays_until_the_new_file_is_whole(tmp_path: Path) -> None:
    image = make_image(tmp_path / "layout", [tar(file("a"), hard("b", "c"))])
    target = tmp_path / "out" / "x.sif"
    target.parent.mkdir()
    target.write_bytes(b"old")
    with pytest.raises(BadInput):
        convert_image(image, target, progress=QUIET)
    target.with_name("y.sif").write_bytes(b"old")
    environ = {"PATH": str(tmp_path)}
    with pytest.raises(ToolFailed, match="none of tar2sqfs"):
        convert_image(make_image(tmp_path / "other", LAYERS), target, environ=environ, progress=QUIET)
    assert [(one.name, one.read_bytes()) for one in sorted(target.parent.iterdir())] == [
        ("x.sif", b"old"),
        ("y.sif", b"old"),
    ]


CONVERT = """
import sys
from pathlib import Path
from bindery.core import BinderyError, NoProgress
from bindery.images import open_layout, read_image
from bindery.sif import convert_image
image = read_image(open_layout(Path(sys.argv[1])), "image")
try:
    convert_image(image, Path(sys.argv[2]), progress=NoProgress())
except BinderyError as error:
    print(type(error).__name__, error)
"""


def test_a_full_disk_is_said_and_nothing_is_left(tmp_path: Path) -> None:
    make_image(tmp_path / "layout", [tar(file("random", os.urandom(3_000_000)))])
    out = tmp_path / "out"
    out.mkdir()
    words = [sys.executable, "-c", CONVERT, str(tmp_path / "layout"), str(out / "x.sif")]
    script = f'"$@"; ls -A "{out}"'
    command = after_mounting(f"mount -t tmpfs -o size=1m none '{out}'", "sh", "-c", script, "sh", *words)
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said == f"ToolFailed {out}: the disk is full\n  fix: free some space, or write to another folder with -o\n"


def test_no_file_is_larger_than_the_squashfs_and_none_is_elsewhere(tmp_path: Path) -> None:
    image = make_image(tmp_path / "layout", [tar(file("random", os.urandom(3_000_000)))])
    sif = convert_image(image, tmp_path / "x.sif", progress=QUIET)
    trace = tmp_path / "bin"
    trace.mkdir()
    real = shutil.which("tar2sqfs")
    (trace / "tar2sqfs").write_text(f'#!/bin/sh\necho "$@" > {trace}/said\nexec {real} "$@"\n')
    (trace / "tar2sqfs").chmod(0o755)
    environ = {**os.environ, "PATH": f"{trace}:{os.environ['PATH']}", "TMPDIR": str(tmp_path / "nowhere")}
    again = convert_image(image, tmp_path / "y.sif", environ=environ, progress=QUIET)
    assert Path((trace / "said").read_text().split()[-1]).parent == tmp_path
    assert again.path.read_bytes() == sif.path.read_bytes()


def test_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    make_image(tmp_path / "layout", [tar(file("random", os.urandom(20_000_000)))])
    out = tmp_path / "out"
    out.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", CONVERT, str(tmp_path / "layout"), str(out / "x.sif")], stderr=subprocess.PIPE
    )
    while not any(one.stat().st_size for one in out.iterdir()):
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert said.endswith(b"KeyboardInterrupt\n")
    assert list(out.iterdir()) == []


def test_a_killed_conversion_leaves_nothing_that_the_next_does_not_remove(tmp_path: Path) -> None:
    make_image(tmp_path / "layout", [tar(file("random", os.urandom(20_000_000)))])
    out = tmp_path / "out"
    out.mkdir()
    words = [sys.executable, "-c", CONVERT, str(tmp_path / "layout"), str(out / "x.sif")]
    process = subprocess.Popen(words)
    while not any(out.iterdir()):
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (out / "x.sif").exists()
    subprocess.run(words, check=True)
    assert [one.name for one in out.iterdir()] == ["x.sif"]
    assert read_sif(out / "x.sif").rootfs.size_bytes > 20_000_000
