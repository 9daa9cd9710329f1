"""An image's list of materials: made with it, pushed with it, found by its digest."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.images.inspected import BEFORE, write
from tests.prefixes.conftest import Realise, channel, realise_packages, tool_recipe  # noqa: F401 - two are fixtures

from bindery.core import NoProgress, Store
from bindery.images import Image, read_image, store_layout
from bindery.images.materials import MEDIA_TYPE, ensure_sbom
from bindery.images.registry import (
    find_referrers,
    local_referrers,
    open_registry,
    parse_reference,
    push_image,
    read_document,
)
from bindery.images.sbom import encode_sbom

if TYPE_CHECKING:
    from pathlib import Path

    from tests.testbed.registry import Registry

    from bindery.environments import Realised


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def image(store: Store) -> Image:
    layout = store_layout(store)
    write(BEFORE, layout, "pangeo:1")
    return read_image(layout, "pangeo:1")


@pytest.fixture
def realised(realise_packages: Realise) -> Realised:  # noqa: F811 - the fixture
    return replace(realise_packages(tool_recipe()), release="2026.11.22")


def test_materials_are_listed_once_and_without_a_name(image: Image, realised: Realised, store: Store) -> None:
    for _ in range(2):
        ensure_sbom(image, realised, store)
    (found,) = local_referrers(image.layout, {image.digest})
    assert found.artifact_type == MEDIA_TYPE
    assert list(image.layout.names()) == ["pangeo:1"]
    data = image.layout.read_blob(found.layers[0], "the test")
    assert data == encode_sbom(realised.lock, realised.platform, "tiny", "2026.11.22")


def test_materials_are_pushed_with_the_image(
    image: Image, realised: Realised, store: Store, registry: Registry
) -> None:
    ensure_sbom(image, realised, store)
    reference = parse_reference(f"{registry.host}/materials/pangeo:1")
    push_image(image.layout, image, reference, ["1"], progress=NoProgress())
    with open_registry(reference.api_host, os.environ) as client:
        (found,) = find_referrers(client, reference, image.digest, MEDIA_TYPE)
        assert b'"bomFormat": "CycloneDX"' in read_document(client, reference, found)
