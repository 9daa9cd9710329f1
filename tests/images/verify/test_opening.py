"""Targets that are images, and are opened; and what is wrong with those that are not."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING

import pytest
from tests.images.inspected import AFTER, BEFORE, write
from tests.images.verify.images import store as store_image
from tests.images.verify.small import CLEAN, expected_image

from bindery.core import BadInput, NoProgress, Store, WrongUse
from bindery.core.tarstreams import bytes_member
from bindery.images import StoreTarget, find_image_target, make_layout, parse_target, read_image, store_layout
from bindery.images.manifest import encode_index, parse_index, parse_manifest
from bindery.images.registry import open_registry, parse_reference
from bindery.images.verify import Part, open_image, read_base, verify_image

if TYPE_CHECKING:
    from pathlib import Path

    from tests.testbed.registry import Registry

    from bindery.images.manifest import Descriptor

QUIET = NoProgress()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return a store with two images."""
    found = Store(tmp_path / "store")
    layout = store_layout(found)
    write(BEFORE, layout, "pangeo:1")
    write(AFTER, layout, "pangeo:2")
    return found


def test_names_are_images_if_the_store_has_them(store: Store, tmp_path: Path) -> None:
    assert find_image_target("pangeo:1", store) == StoreTarget(name="pangeo", tag="1")
    digest = f"pangeo:9@{BEFORE.manifest.digest}"
    assert find_image_target(digest, store) == parse_target(digest)
    for other in ("pangeo:3", "main:pangeo", "HEAD~1:pangeo", "HEAD:a/b.yml", "pangeo", "pangeo@2025.08.14", "./a:b"):
        assert find_image_target(other, store) is None
    assert find_image_target("pangeo:1", Store(tmp_path / "empty")) is None
    assert not (tmp_path / "empty").exists()
    assert find_image_target("oci:images", Store(tmp_path / "empty")) == parse_target("oci:images")
    with pytest.raises(WrongUse):
        find_image_target("docker:x", store)


def test_a_layout_with_one_image_needs_no_name(store: Store, tmp_path: Path) -> None:
    layout = make_layout(tmp_path / "one")
    write(BEFORE, layout, "one:1")
    layout.tag("one:latest", read_image(layout, "one:1").descriptor)
    with open_image(parse_target(f"oci:{tmp_path}/one"), store, {}) as opened:
        assert opened.digest == str(BEFORE.manifest.digest)
    with pytest.raises(BadInput) as caught, open_image(parse_target(f"oci:{store.root}/images"), store, {}):
        pass
    assert str(caught.value) == (
        f"{store.root}/images: has 2 images: pangeo:1, pangeo:2\n  fix: oci:{store.root}/images:NAME"
    )


def push_index(registry: Registry, name: str, platforms: dict[tuple[str, str], Descriptor]) -> str:
    """Return the target of an index of these images in the registry."""
    reference = parse_reference(f"{registry.host}/{name}")
    raw = encode_index([replace(one, platform=platform) for platform, one in platforms.items()])
    with open_registry(reference.api_host, os.environ) as client:
        for blob in (BEFORE.manifest.config, *BEFORE.manifest.layers):
            client.push_blob(reference.name, blob, partial(BytesIO, BEFORE.blobs[blob.digest]))
        client.put_manifest(reference.at(BEFORE.manifest.digest), BEFORE.manifest)
        client.put_manifest(reference, parse_index(raw, name))
    return f"docker://{reference}"


def test_of_an_index_the_image_of_this_machine_is_read(store: Store, registry: Registry) -> None:
    here = BEFORE.manifest.descriptor
    target = push_index(registry, "opening/index:1", {("linux", "amd64"): here})
    with open_image(parse_target(target), store, os.environ) as opened:
        assert opened.digest == str(BEFORE.manifest.digest)
        assert opened.labels["bindery.release"] == "2025.08.14"
        read = opened.source.read(QUIET)
    assert [layer.content.sha256 for layer in read.layers] == [one.hex for one in BEFORE.config.diff_ids]
    assert read.findings == ()
    target = push_index(registry, "opening/other:1", {("linux", "s390x"): here})
    with pytest.raises(BadInput) as caught, open_image(parse_target(target), store, os.environ):
        pass
    assert str(caught.value) == f"{target.removeprefix('docker://')}: has no image for linux-64"


def test_a_damaged_base_is_no_measure(tmp_path: Path) -> None:
    layout = make_layout(tmp_path / "images")
    write(BEFORE, layout, "base:1")
    image = read_image(layout, "base:1")
    blob = layout.blob_path(image.manifest.layers[0].digest)
    blob.chmod(0o644)
    blob.write_bytes(blob.read_bytes()[:-1])
    with pytest.raises(BadInput) as caught:
        read_base(image, progress=QUIET)
    first, fix = str(caught.value).split("\n")
    label = f"layer 1 ({image.manifest.layers[0].digest.hex[:12]})"
    assert first.startswith(f"{image.descriptor.digest}: the base is damaged: {label}: ")
    assert fix == "  fix: bindery build --update-base"


def test_a_part_that_is_shorter_than_it_was_said_to_be() -> None:
    member = replace(bytes_member("home/a", b"12"), size_bytes=3)
    expected = replace(expected_image(), above=(Part(name="repository", members=(member,)),))
    with pytest.raises(BadInput) as caught:
        verify_image(store_image(CLEAN).source, expected, progress=QUIET)
    assert str(caught.value) == "home/a: has 2 bytes, expected 3"


def test_layers_that_are_missing_or_of_an_unknown_type_are_findings() -> None:
    made = store_image(CLEAN)
    odd = made.manifest.raw.replace(b"image.layer.v1.tar+gzip", b"image.layer.v1.tar+rot13", 1)
    findings = verify_image(replace(made, manifest=parse_manifest(odd, "odd")).source, expected_image(), progress=QUIET)
    details = {one.detail for one in findings if one.what == "digest"}
    assert "layers of type application/vnd.oci.image.layer.v1.tar+rot13 cannot be read" in details


def test_layers_and_diff_ids_are_as_many() -> None:
    made = store_image(CLEAN)
    config = replace(made.config, diff_ids=made.config.diff_ids[:-1])
    findings = verify_image(replace(made, config=config).source, expected_image(), progress=QUIET)
    assert {one.detail for one in findings} == {"the configuration names 7 layers, and there are 8"}
