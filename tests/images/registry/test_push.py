"""Pushing to a real registry: what is sent, in what order, and what another program makes of it."""

from __future__ import annotations

import json
import subprocess
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest
from tests.images.registry.conftest import Place, make_image, open_quickly

from bindery.core import BadInput, NoProgress, ToolFailed, WrongUse
from bindery.images.layout import read_image
from bindery.images.manifest import INDEX, Descriptor, encode_index, parse_index
from bindery.images.registry import Reference, plan_pull, plan_push, pull_image, push_image, run_pull, run_push

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.testbed.fault_proxy import FaultProxy
    from tests.testbed.registry import Registry

    from bindery.core import Task, Unit
    from bindery.images.layout import Image, Layout
    from bindery.images.registry import Pushed

pytestmark = pytest.mark.testbed


class Counting:
    """Remembers what work reports."""

    def __init__(self) -> None:
        self.labels: list[tuple[str, int | None, Unit]] = []
        self.done = 0

    def say(self, sentence: str) -> None:
        """Remember nothing: nothing is said."""
        raise AssertionError(sentence)

    def task(self, label: str, total: int | None, unit: Unit) -> AbstractContextManager[Task]:
        """Remember the label."""
        self.labels.append((label, total, unit))
        return nullcontext(self)

    def advance(self, amount: int = 1) -> None:
        """Count."""
        self.done += amount


def push(
    place: Place,
    layout: Layout,
    image: Image | Descriptor,
    name: str,
    tags: tuple[str, ...] = ("latest",),
    mount_from: tuple[str, ...] = (),
) -> Pushed:
    with open_quickly(place) as client:
        plan = plan_push(client, layout, image, place.reference(name), tags=tags, mount_from=mount_from)
        return run_push(client, plan, NoProgress())


@pytest.fixture
def place(registry: Registry, home: dict[str, str]) -> Place:
    """Return the registry, for somebody without credentials."""
    return Place(registry.host, home)


@pytest.fixture
def seen(fault_proxy: FaultProxy, home: dict[str, str]) -> Place:
    """Return the registry behind a proxy that notes what passes."""
    return Place(fault_proxy.host, home)


def test_an_image_comes_back_as_it_went(registry: Registry, layout: Layout, other: Layout) -> None:
    image = make_image(layout, annotations={"org.opencontainers.image.version": "2025.08.14"})
    reference = Reference(host=registry.host, name="push/whole", tag="2025.08.14")
    assert push_image(layout, image, reference, ["2025.08.14", "latest"], progress=NoProgress()) == image.digest
    for tag in ("2025.08.14", "latest"):
        found = pull_image(reference.tagged(tag), other, NoProgress(), platform="linux-64")
        assert (found.manifest, found.config) == (image.manifest, image.config)
        assert str(reference.tagged(tag)) in other.names()


def test_only_what_is_missing_is_sent(seen: Place, fault_proxy: FaultProxy, layout: Layout) -> None:
    first = push(seen, layout, make_image(layout), "push/again")
    assert (first.uploaded, first.there, first.mounted) == (4, 0, 0)
    fault_proxy.passed.clear()
    assert push(seen, layout, make_image(layout), "push/again") == type(first)(
        digest=first.digest, sent_bytes=0, uploaded=0, mounted=0, there=4
    )
    assert {one.method for one in fault_proxy.passed} == {"GET", "HEAD", "PUT"}
    assert [one.path for one in fault_proxy.passed if one.method == "GET"] == ["/v2/"]
    # One layer of three is another one: that is sent, and the configuration.
    changed = push(seen, layout, make_image(layout, sizes=(10, 100_000, 3_000_001)), "push/again")
    assert (changed.uploaded, changed.there) == (2, 2)
    assert 3_000_001 < changed.sent_bytes < 3_001_000


def test_tags_are_moved_last(seen: Place, fault_proxy: FaultProxy, layout: Layout) -> None:
    image = make_image(layout)
    push(seen, layout, image, "push/order", ("1", "latest"))
    written = [one.path.split("/", 4)[4] for one in fault_proxy.passed if one.method == "PUT"]
    assert written[-3:] == [f"manifests/{image.digest}", "manifests/1", "manifests/latest"]
    assert all(path.startswith("blobs/uploads/") for path in written[:-3])


def test_connections_are_used_again(seen: Place, fault_proxy: FaultProxy, layout: Layout) -> None:
    push(seen, layout, make_image(layout, sizes=tuple(range(1, 21))), "push/connections")
    assert len(fault_proxy.passed) > 60
    # Workers, and one that asks whether TLS is spoken.
    assert len({one.connection for one in fault_proxy.passed}) <= 7


def test_what_another_repository_has_is_mounted(seen: Place, fault_proxy: FaultProxy, layout: Layout) -> None:
    image = make_image(layout)
    push(seen, layout, image, "push/source")
    fault_proxy.passed.clear()
    mounted = push(seen, layout, image, "push/target", mount_from=("push/nowhere", "push/source"))
    assert (mounted.uploaded, mounted.mounted, mounted.sent_bytes) == (0, 4, 0)
    assert fault_proxy.count("PUT", "/blobs/") == fault_proxy.count("PATCH", "/blobs/") == 0


def test_progress_counts_bytes(place: Place, layout: Layout) -> None:
    counting = Counting()
    with open_quickly(place) as client:
        plan = plan_push(client, layout, make_image(layout), place.reference("push/progress"))
        run_push(client, plan, counting)
    assert counting.labels == [(f"Pushing to {place.host}/push/progress", plan.missing_bytes, "bytes")]
    assert counting.done == plan.missing_bytes == sum(blob.size_bytes for blob in plan.blobs)


def test_without_tags_the_image_is_found_by_its_digest(place: Place, layout: Layout, other: Layout) -> None:
    pushed = push(place, layout, make_image(layout), "push/untagged", ())
    with open_quickly(place) as client:
        assert client.find_manifest(place.reference("push/untagged")) is None
        plan = plan_pull(client, place.reference("push/untagged").at(pushed.digest), other)
        run_pull(client, plan, NoProgress(), name="found")
    assert other.resolve("found").digest == pushed.digest


def make_index(layout: Layout) -> Descriptor:
    listed = []
    for architecture in ("amd64", "arm64"):
        image = make_image(layout, architecture, architecture=architecture, sizes=(10, len(architecture)))
        descriptor = image.descriptor
        listed.append(
            Descriptor(
                media_type=descriptor.media_type,
                digest=descriptor.digest,
                size_bytes=descriptor.size_bytes,
                platform=("linux", architecture),
            )
        )
    raw = encode_index(listed)
    return Descriptor(media_type=INDEX, digest=layout.write_blob(raw), size_bytes=len(raw))


def test_an_index_goes_after_its_images_and_comes_back_for_one_platform_or_all(
    seen: Place, fault_proxy: FaultProxy, layout: Layout, other: Layout
) -> None:
    index = make_index(layout)
    pushed = push(seen, layout, index, "push/index", ("1",))
    assert pushed.digest == index.digest
    parsed = parse_index(layout.read_blob(index, ""), "")
    written = [one.path.rpartition("/")[2] for one in fault_proxy.passed if one.method == "PUT" and "manif" in one.path]
    assert written == [*(str(one.digest) for one in parsed.manifests), str(index.digest), "1"]
    with open_quickly(seen) as client:
        for platform, name in (("linux-64", "one"), ("all", "every")):
            plan = plan_pull(client, seen.reference("push/index", "1"), other, platform=platform)
            run_pull(client, plan, NoProgress(), name=name)
        with pytest.raises(BadInput) as caught:
            plan_pull(client, seen.reference("push/index", "1"), other, platform="osx-64")
    assert str(caught.value) == "there are no images for osx-64\n  fix: use one of linux-64, linux-aarch64"
    assert read_image(other, "one").config.architecture == "amd64"
    assert read_image(other, "every", "linux-aarch64").config.architecture == "arm64"
    assert other.resolve("every").digest == index.digest


def test_an_index_without_the_platform_says_what_it_has(place: Place, layout: Layout, other: Layout) -> None:
    image = make_image(layout)
    entry = Descriptor(
        media_type=image.descriptor.media_type,
        digest=image.digest,
        size_bytes=image.descriptor.size_bytes,
        platform=("linux", "amd64"),
    )
    raw = encode_index([entry])
    push(place, layout, Descriptor(media_type=INDEX, digest=layout.write_blob(raw), size_bytes=len(raw)), "push/single")
    with open_quickly(place) as client, pytest.raises(BadInput) as caught:
        plan_pull(client, place.reference("push/single", "latest"), other, platform="linux-aarch64")
    assert str(caught.value) == f"{place.host}/push/single:latest: has no image for linux-aarch64: linux/amd64"


def skopeo(*words: str) -> bytes:
    return subprocess.run(["skopeo", *words], capture_output=True, check=True).stdout


@pytest.fixture
def policy(tmp_path: Path) -> str:
    """Return skopeo's option that lets it copy without signatures."""
    path = tmp_path / "policy.json"
    path.write_text('{"default": [{"type": "insecureAcceptAnything"}]}', encoding="utf-8")
    return f"--policy={path}"


def test_skopeo_reads_what_was_pushed(place: Place, layout: Layout, tmp_path: Path, policy: str) -> None:
    image = make_image(layout)
    push(place, layout, image, "push/skopeo", ("1", "2"))
    source = f"docker://{place.host}/push/skopeo:1"
    seen = json.loads(skopeo("inspect", "--tls-verify=false", source))
    assert seen["Digest"] == str(image.digest)
    assert sorted(seen["RepoTags"]) == ["1", "2"]
    assert seen["Layers"] == [str(layer.digest) for layer in image.manifest.layers]
    skopeo(policy, "copy", "--src-tls-verify=false", "--preserve-digests", source, f"oci:{tmp_path}/copied:1")
    copied = json.loads((tmp_path / "copied" / "index.json").read_bytes())
    assert [one["digest"] for one in copied["manifests"]] == [str(image.digest)]


def test_what_skopeo_pushed_is_pulled(place: Place, layout: Layout, other: Layout, policy: str) -> None:
    image = make_image(layout)
    target = f"docker://{place.host}/push/by-skopeo:1"
    # Docker's own media types are another manifest, of the same layers.
    skopeo(policy, "copy", "--dest-tls-verify=false", "--format=v2s2", f"oci:{layout.root}:image", target)
    with open_quickly(place) as client:
        plan = plan_pull(client, place.reference("push/by-skopeo", "1"), other)
        run_pull(client, plan, NoProgress(), name="pulled")
    found = read_image(other, "pulled")
    assert found.manifest.media_type == "application/vnd.docker.distribution.manifest.v2+json"
    assert found.config.diff_ids == image.config.diff_ids
    # And it goes on as it came.
    pushed = push(place, other, found, "push/from-skopeo", ("1",))
    assert pushed.digest == found.digest


def test_a_tag_that_cannot_be_one_is_refused_before_anything_is_sent(
    seen: Place, fault_proxy: FaultProxy, layout: Layout
) -> None:
    with pytest.raises(WrongUse, match=r"^.*/push/tag: 'a/b' cannot be a tag\n"):
        push(seen, layout, make_image(layout), "push/tag", ("1", "a/b"))
    assert fault_proxy.passed == []


def test_a_blob_that_is_missing_here_is_told_before_anything_is_sent(
    seen: Place, fault_proxy: FaultProxy, layout: Layout
) -> None:
    image = make_image(layout)
    layer = image.manifest.layers[2]
    layout.blob_path(layer.digest).unlink()
    with pytest.raises(BadInput) as caught:
        push(seen, layout, image, "push/missing")
    assert str(caught.value) == f"{seen.host}/push/missing: there is no blob {layer.digest}"
    assert fault_proxy.passed == []


@pytest.mark.parametrize("number", [1, 2])
def test_a_blob_with_a_flipped_byte_here_is_not_pushed(place: Place, layout: Layout, number: int) -> None:
    image = make_image(layout, seed=7 + number)
    path = layout.blob_path(image.manifest.layers[number].digest)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
    with pytest.raises(BadInput) as caught:
        push(place, layout, image, "push/flipped")
    digest = image.manifest.layers[number].digest
    assert str(caught.value) == (
        f"{path}: the blob does not have its digest {digest}\n  fix: remove it, and make or pull the image again"
    )
    with open_quickly(place) as client:
        assert client.find_manifest(place.reference("push/flipped", "latest")) is None
        assert not client.has_blob("push/flipped", image.manifest.layers[number])


def test_nobody_listens(layout: Layout, home: dict[str, str]) -> None:
    place = Place("127.0.0.1:9", home)
    with pytest.raises(ToolFailed) as caught:
        push(place, layout, make_image(layout), "x")
    assert str(caught.value) == (
        "127.0.0.1:9: cannot be reached: [Errno 111] Connection refused (tried 6 times)\n"
        "  fix: try again: what was done is not done twice"
    )
