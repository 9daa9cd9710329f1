"""What is in an image, and how two of them differ."""

from __future__ import annotations

import io

import pytest
from tests.images.inspected import AFTER, BEFORE, PREFIX, image
from tests.images.verify.images import Member, Stored

from bindery.core import NoProgress
from bindery.images import ImageFacts, compare_images, inspect_image
from bindery.images.difference import Growth
from bindery.images.verify import OpenedImage
from bindery.images.verify.tar_reader import read_layer


def inspect(stored: Stored) -> ImageFacts:
    opened = OpenedImage(
        source=stored.source,
        digest=str(stored.manifest.digest),
        labels=stored.config.labels,
        manifest=stored.manifest,
    )
    return inspect_image(opened, progress=NoProgress())


def test_packages_and_layers_are_counted() -> None:
    facts = inspect(BEFORE)
    assert (facts.title, facts.packages_source, facts.platform) == ("pangeo@2025.08.14", "wheels", "linux/amd64")
    records = {one.name: len(BEFORE_RECORDS[one.name]) for one in facts.packages}
    assert [(one.name, one.version, one.size_bytes, one.files) for one in facts.packages] == [
        ("numpy", "2.2.6", 1000 + records["numpy"], 2),
        ("dask", "1", 300 + records["dask"], 2),
        ("zarr", "3", 200 + records["zarr"], 2),
    ]
    assert facts.other_bytes == 502
    assert [(one.title, one.files) for one in facts.layers] == [
        ("base", 1),
        ("numpy", 2),
        ("packages 01", 4),
        ("repository", 1),
    ]
    assert facts.stored_bytes == sum(one.size_bytes for one in BEFORE.manifest.layers)


def records(stored: Stored) -> dict[str, bytes]:
    kept: dict[str, bytes] = {}
    for layer in stored.source.read(NoProgress(), keeps=lambda path, _: "conda-meta" in path).layers:
        kept |= {path.rpartition("/")[2].partition("-")[0]: data for path, data in layer.content.kept.items()}
    return kept


BEFORE_RECORDS = records(BEFORE)


def test_a_record_that_is_hidden_or_no_record_counts_for_nothing() -> None:
    facts = inspect(
        image(
            "1",
            ("bindery: numpy", (Member(name=f"{PREFIX}/conda-meta/numpy-1-0.json", data=b'{"name": "numpy"}'),)),
            ("more", (Member(name=f"{PREFIX}/conda-meta/.wh.numpy-1-0.json"),)),
            ("broken", (Member(name=f"{PREFIX}/conda-meta/dask-1-0.json", data=b"{"),)),
        )
    )
    assert facts.packages == ()


def test_a_layer_keeps_only_what_it_is_asked_for() -> None:
    archive = io.BytesIO(BEFORE.blobs[BEFORE.manifest.layers[0].digest])
    assert read_layer(archive).kept == {}


def test_images_are_compared_by_package_and_layer() -> None:
    difference = compare_images(inspect(BEFORE), inspect(AFTER), ("old", "new"))
    changes = [(one.name, one.kind) for one in difference.packages.changes]
    assert changes == [("numpy", "upgraded"), ("xarray", "added"), ("zarr", "removed")]
    growth = {one.name: one.bytes for one in difference.growth}
    assert growth["numpy"] == 500
    assert growth["zarr"] < -200
    assert growth["xarray"] > 50
    assert growth.keys() == {"numpy", "zarr", "xarray"}
    assert [one.title for one in difference.layers] == ["numpy", "packages 01"]
    stored = [one.size_bytes for one in AFTER.manifest.layers]
    assert (difference.shared_bytes, difference.new_bytes) == (stored[0] + stored[3], stored[1] + stored[2])
    assert not difference.is_empty


def test_an_image_does_not_differ_from_itself() -> None:
    assert compare_images(inspect(BEFORE), inspect(BEFORE), ("one", "same")).is_empty


@pytest.mark.parametrize(("before", "after", "grown"), [(None, 5, 5), (5, None, -5), (3, 5, 2)])
def test_growth(before: int | None, after: int | None, grown: int) -> None:
    assert Growth(name="x", before_bytes=before, after_bytes=after).bytes == grown
