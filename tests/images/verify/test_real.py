"""A real image, of wheels and an interpreter, wherever it lies; and the same image with a real file of it changed."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.images.build.bases import make_tiny_base

from bindery.core import BadInput, NoProgress, ToolFailed, WrongUse, digest_bytes
from bindery.images import (
    BuildRequest,
    MakingOptions,
    build_image,
    describe_build,
    make_layout,
    parse_source,
    parse_target,
    read_image,
)
from bindery.images.compression import open_decompressed, packed_sink
from bindery.images.docker_engine import load_image
from bindery.images.manifest import CONFIG, LAYER_GZIP, Descriptor, encode_config, encode_manifest, parse_manifest
from bindery.images.registry import parse_reference, push_image
from bindery.images.verify import expect_image, layout_source, open_image, verify_image

if TYPE_CHECKING:
    from tests.testbed.engine import Engine
    from tests.testbed.registry import Registry

    from bindery.core import Store
    from bindery.images import Image
    from bindery.images.verify import ExpectedImage, ImageFinding

PINS = Path(__file__).parents[2] / "environments" / "wheels" / "small"
QUIET = NoProgress()
Edit = Callable[[str, bytes], bytes | None]


@pytest.fixture(scope="module")
def request_(tmp_path_factory: pytest.TempPathFactory) -> BuildRequest:
    """Return what to build: a repository of a few wheels, a notebook and a link."""
    folder = tmp_path_factory.mktemp("real")
    shutil.copytree(PINS, folder / "repository" / "binder")
    (folder / "repository" / "one.ipynb").write_text('{"cells": []}\n', encoding="utf-8")
    (folder / "repository" / "latest").symlink_to("one.ipynb")
    return BuildRequest(
        source=parse_source(str(folder / "repository"), lambda: pytest.fail("no project is needed")),
        name="verify-real:1",
        making=MakingOptions(base=make_tiny_base(folder / "base"), interpreter="/usr/bin/python3", compression="gzip"),
    )


@pytest.fixture(scope="module")
def image(request_: BuildRequest, test_store: Store) -> Image:
    return build_image(request_, store=test_store, progress=QUIET)


@pytest.fixture(scope="module")
def expected(image: Image, request_: BuildRequest, test_store: Store) -> ExpectedImage:
    assert image.manifest.layers
    locked = replace(request_, making=replace(request_.making, base=None))
    return expect_image(describe_build(locked, store=test_store, progress=QUIET), progress=QUIET)


def verify(target: str, expected: ExpectedImage, store: Store, environ: dict[str, str]) -> tuple[ImageFinding, ...]:
    with open_image(parse_target(target), store, environ) as opened:
        return verify_image(opened.source, expected, progress=QUIET)


def test_it_is_what_it_must_be_in_store_layout_and_registry(
    image: Image, expected: ExpectedImage, test_store: Store, registry: Registry
) -> None:
    environ = dict(os.environ)
    name = f"{registry.host}/verify/real:1"
    push_image(image.layout, image, parse_reference(name), ["1"], progress=QUIET)
    for target in (
        "verify-real:1",
        f"verify-real:1@{image.digest}",
        str(image.digest),
        f"oci:{image.layout.root}:verify-real:1",
        f"docker://{name}",
    ):
        assert verify(target, expected, test_store, environ) == ()


@pytest.mark.testbed
def test_it_is_what_it_must_be_in_an_engine(
    image: Image, expected: ExpectedImage, test_store: Store, docker_engine: Engine
) -> None:
    environ = dict(docker_engine.environ)
    load_image(image, "verify-real:1", environ=environ, progress=QUIET)
    assert verify("docker-daemon:verify-real:1", expected, test_store, environ) == ()
    # In this image nothing can run, but the files of a container that never ran are there.
    docker_engine.run("container", "create", "--name", "verified", "verify-real:1")
    assert verify("container:verified", expected, test_store, environ) == ()
    python = "srv/conda/envs/notebook/bin/python3"
    docker_engine.run("cp", "/etc/hostname", f"verified:/{python}")
    findings = verify("container:verified", expected, test_store, environ)
    docker_engine.run("container", "rm", "verified")
    assert {(one.package, one.layer) for one in findings} == {("python", "container")}
    assert all("/bin/python3" in one.path for one in findings)


@pytest.mark.testbed
def test_what_an_engine_does_not_have(expected: ExpectedImage, test_store: Store, docker_engine: Engine) -> None:
    with pytest.raises(ToolFailed, match="docker image inspect no-such-image: ended with status 1"):
        verify("docker-daemon:no-such-image", expected, test_store, dict(docker_engine.environ))


def changed_image(image: Image, folder: Path, edit: Edit) -> Image:
    """Return the image with one file edited (the edit answers None for all others), and all digests right."""
    layout = make_layout(folder)
    layers, diff_ids = [], []
    for descriptor, diff_id in image.layers:
        with image.layout.open_blob(descriptor.digest) as blob:
            plain = open_decompressed(blob, descriptor.media_type).read()
        edited = _edited(plain, edit)
        if edited is None:
            layers.append(descriptor)
            diff_ids.append(diff_id)
            shutil.copy(image.layout.blob_path(descriptor.digest), layout.blob_path(descriptor.digest))
            continue
        with layout.blob_writer() as writer, packed_sink(writer, "gzip") as sink:
            sink.write(edited)
        layers.append(replace(descriptor, media_type=LAYER_GZIP, digest=writer.digest, size_bytes=writer.size_bytes))
        diff_ids.append(digest_bytes(edited))
    raw_config = encode_config(replace(image.config, diff_ids=tuple(diff_ids)))
    config = Descriptor(media_type=CONFIG, digest=layout.write_blob(raw_config), size_bytes=len(raw_config))
    raw = encode_manifest(config, layers, image.manifest.annotations)
    layout.write_blob(raw)
    layout.tag("changed:1", parse_manifest(raw, "changed").descriptor)
    return read_image(layout, "changed:1")


def _edited(plain: bytes, edit: Edit) -> bytes | None:
    stream, changed = io.BytesIO(), False
    with (
        tarfile.open(fileobj=io.BytesIO(plain)) as old,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        for member in old:
            content = old.extractfile(member) if member.isreg() else None
            data = b"" if content is None else content.read()
            other = edit(member.name, data) if member.isreg() else None
            if other is not None:
                data, member.size, changed = other, len(other), True
            new.addfile(member, io.BytesIO(data))
    return stream.getvalue() if changed else None


@pytest.mark.parametrize(
    ("part", "package"),
    [
        ("/markupsafe/__pycache__/__init__.cpython", "markupsafe"),
        ("/bin/jsonpatch", "jsonpatch"),
        ("/conda-meta/greenlet-", "greenlet"),
        ("/mdurl/_parse.py", "mdurl"),
        ("etc/passwd", ""),
        ("repo2docker-entrypoint", "runtime"),
        ("one.ipynb", "repository"),
    ],
)
def test_a_changed_file_is_found_and_named(
    part: str, package: str, image: Image, expected: ExpectedImage, tmp_path: Path
) -> None:
    edited: list[str] = []

    def edit(path: str, data: bytes) -> bytes | None:
        if part not in path or edited:
            return None
        edited.append(path)
        return data[:-1] + bytes([data[-1] ^ 1])

    findings = verify_image(layout_source(changed_image(image, tmp_path / "images", edit)), expected, progress=QUIET)
    assert edited
    assert len(findings) == 1
    found = [one for one in findings if one.path == f"/{edited[0]}" or (not package and one.package == "base")]
    assert found
    assert not package or {one.package for one in found} == {package}


def test_what_was_never_written_down_cannot_be_verified(
    request_: BuildRequest, tmp_path: Path, test_store: Store
) -> None:
    shutil.copytree(PINS, tmp_path / "binder")
    open_base = replace(request_, source=parse_source(str(tmp_path), lambda: pytest.fail("no project is needed")))
    with pytest.raises(BadInput) as caught:
        describe_build(open_base, store=test_store, progress=QUIET)
    assert str(caught.value) == (
        f"{tmp_path}/binder/base.lock: is not there, so nobody knows which base is right\n"
        "  fix: bindery build writes it"
    )


def test_targets_that_are_no_image(test_store: Store, tmp_path: Path) -> None:
    with pytest.raises(WrongUse) as caught, open_image(parse_target(f"{tmp_path}"), test_store, {}):
        pass
    assert str(caught.value) == f"{tmp_path}: is no image"
    make_layout(tmp_path / "images")
    with pytest.raises(BadInput) as refused, open_image(parse_target(f"oci:{tmp_path}/images"), test_store, {}):
        pass
    assert str(refused.value) == f"{tmp_path}/images: has 0 images: \n  fix: oci:{tmp_path}/images:NAME"


def test_a_damaged_blob_of_the_store_is_named(image: Image, expected: ExpectedImage, tmp_path: Path) -> None:
    copied = changed_image(image, tmp_path / "images", lambda _path, _data: None)
    number, descriptor = max(enumerate(copied.manifest.layers), key=lambda pair: pair[1].size_bytes)
    blob = copied.layout.blob_path(descriptor.digest)
    blob.chmod(0o644)
    with blob.open("r+b") as stream:
        stream.seek(descriptor.size_bytes // 2)
        byte = stream.read(1)
        stream.seek(-1, os.SEEK_CUR)
        stream.write(bytes([byte[0] ^ 1]))
    findings = verify_image(layout_source(copied), expected, progress=QUIET)
    label = f"layer {number + 1} ({descriptor.digest.hex[:12]})"
    assert label in {one.layer for one in findings if one.what == "digest"}
