"""Archives as engines save them, old and new, and programs that fail."""

from __future__ import annotations

import io
import json
import os
import tarfile
from typing import TYPE_CHECKING

import pytest
from tests.images.inspected import BEFORE, write
from tests.images.verify.images import store
from tests.images.verify.small import CLEAN, expected_image

from bindery.core import BadInput, NoProgress, ToolFailed, digest_bytes
from bindery.core.tarstreams import write_tar
from bindery.images import make_layout, read_image
from bindery.images.compression import open_decompressed
from bindery.images.docker_engine import archive_members
from bindery.images.verify.engine_source import ContainerSource, DaemonSource, read_saved
from bindery.images.verify.proof import verify_image

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = store(CLEAN)
QUIET = NoProgress()


def archive(members: dict[str, bytes], links: dict[str, str] | None = None) -> io.BytesIO:
    """Return a tar archive of these files, and of symbolic links."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            tar.addfile(info)
    stream.seek(0)
    return stream


def archives() -> list[bytes]:
    """Return the archives of the layers, as old engines save them."""
    return [
        open_decompressed(io.BytesIO(PLAIN.blobs[one.digest]), one.media_type).read() for one in PLAIN.manifest.layers
    ]


def old_form() -> tuple[dict[str, bytes], str]:
    """Return the files of an archive of Docker 20.10, in the order of their names, and the configuration's name."""
    config = f"{PLAIN.config.digest.hex}.json"
    ids = [digest_bytes(data).hex for data in archives()]
    files = {f"{one}/layer.tar": data for one, data in zip(ids, archives(), strict=True)}
    files |= {f"{one}/VERSION": b"1.0" for one in ids} | {f"{one}/json": b"{}" for one in ids}
    names = [f"{one}/layer.tar" for one in ids]
    files[config] = PLAIN.config.raw
    files["manifest.json"] = json.dumps([{"Config": config, "RepoTags": ["a:1"], "Layers": names}]).encode()
    return dict(sorted(files.items())), config


def test_an_old_archive_is_read_whatever_the_order_of_its_layers() -> None:
    files, _ = old_form()
    read = read_saved(archive(files), "a:1")
    assert [layer.content.sha256 for layer in read.layers] == [one.hex for one in PLAIN.config.diff_ids]
    assert read.findings == ()
    assert read.config is not None
    assert read.config.digest == PLAIN.config.digest


def test_a_layer_may_be_a_link_to_another() -> None:
    files, _ = old_form()
    first, second = sorted(name for name in files if name.endswith("/layer.tar"))[:2]
    manifest = json.loads(files["manifest.json"])
    manifest[0]["Layers"] = [first, second]
    del files[second]
    files["manifest.json"] = json.dumps(manifest).encode()
    read = read_saved(archive(files, {second: f"../{first}"}), "a:1")
    assert read.layers[0].content == read.layers[1].content
    assert {one.what for one in read.findings} == {"digest"}


def test_a_new_archive_is_read(tmp_path: Path) -> None:
    layout = make_layout(tmp_path / "images")
    write(BEFORE, layout, "a:1")
    stream = io.BytesIO()
    write_tar(archive_members(read_image(layout, "a:1"), "a:1"), stream, epoch_s=0)
    stream.seek(0)
    read = read_saved(stream, "a:1")
    assert [layer.content.sha256 for layer in read.layers] == [one.hex for one in BEFORE.config.diff_ids]
    assert read.findings == ()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (
            {"manifest.json": b"{"},
            "a:1: manifest.json is not JSON: Expecting property name",
        ),
        ({"manifest.json": b"[]"}, "a:1: has no manifest.json of one image"),
        ({"manifest.json": b'[{"Config": "x.json", "Layers": []}]'}, "a:1: has no x.json"),
        ({"CONFIG": PLAIN.config.raw + b" "}, "a:1: the configuration has sha256 "),
    ],
)
def test_archives_that_are_no_image(change: dict[str, bytes], error: str) -> None:
    files, config = old_form()
    files |= {name.replace("CONFIG", config): data for name, data in change.items()}
    with pytest.raises(BadInput) as caught:
        read_saved(archive(files), "a:1")
    assert str(caught.value).startswith(error)


def test_a_layer_that_is_named_and_not_there() -> None:
    files, _ = old_form()
    name = next(one for one in files if one.endswith("/layer.tar"))
    del files[name]
    with pytest.raises(BadInput) as caught:
        read_saved(archive(files), "a:1")
    assert str(caught.value) == f"a:1: has no {name}"


def test_what_is_no_archive() -> None:
    with pytest.raises(BadInput) as caught:
        read_saved(io.BytesIO(b"x" * 600), "a:1")
    assert str(caught.value).startswith("a:1: is not a saved image: ")


@pytest.fixture
def docker(tmp_path: Path) -> dict[str, str]:
    """Return variables with a program named docker that prints a file, then says something and ends with a status."""
    program = tmp_path / "bin" / "docker"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\ncat "$OUTPUT"\necho no such thing >&2\nexit "$STATUS"\n', encoding="utf-8")
    program.chmod(0o755)
    (tmp_path / "output").write_bytes(b"")
    return {"PATH": f"{program.parent}:{os.environ['PATH']}", "OUTPUT": str(tmp_path / "output"), "STATUS": "0"}


def test_an_image_comes_through_a_pipe(docker: dict[str, str], tmp_path: Path) -> None:
    files, _ = old_form()
    (tmp_path / "output").write_bytes(archive(files).getvalue())
    source = DaemonSource(reference="a:1", environ=docker)
    assert verify_image(source, expected_image(), progress=QUIET) == ()


def test_a_container_is_one_layer_without_settings(docker: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "output").write_bytes(archive({".dockerenv": b"", "a": b"1"}).getvalue())
    read = ContainerSource(container="busy", environ=docker).read(QUIET)
    assert (read.is_flat, read.config, [one.label for one in read.layers]) == (True, None, ["container"])
    assert [path for path, _ in read.layers[0].content.entries] == [".dockerenv", "a"]


@pytest.mark.parametrize("data", [b"", b"half an archive"])
def test_a_program_that_fails_says_why(docker: dict[str, str], tmp_path: Path, data: bytes) -> None:
    (tmp_path / "output").write_bytes(data)
    for source, words in (
        (DaemonSource(reference="a:1", environ={**docker, "STATUS": "1"}), "docker image save a:1"),
        (ContainerSource(container="busy", environ={**docker, "STATUS": "1"}), "docker container export busy"),
    ):
        with pytest.raises(ToolFailed) as caught:
            source.read(QUIET)
        assert str(caught.value) == f"{words}: no such thing\n  fix: start an engine, or set DOCKER_HOST"
