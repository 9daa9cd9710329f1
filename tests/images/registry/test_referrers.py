"""What refers to an image, in a registry that keeps no list of it: under the tag that the specification names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.images.registry.conftest import Place, make_image, open_quickly
from tests.testbed.fault_proxy import Fault

from bindery.core import BadInput, Digest, NoProgress, ToolFailed
from bindery.images.manifest import INDEX, encode_index, parse_index
from bindery.images.registry import (
    Document,
    attach_document,
    find_referrers,
    plan_push,
    read_document,
    referrers,
    run_push,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.testbed.fault_proxy import FaultProxy
    from tests.testbed.registry import Registry

    from bindery.images.layout import Image, Layout
    from bindery.images.registry import RegistryClient

pytestmark = pytest.mark.testbed
CYCLONEDX = "application/vnd.cyclonedx+json"
SBOM = Document(
    data=b'{"bomFormat":"CycloneDX"}', artifact_type=CYCLONEDX, media_type=CYCLONEDX, annotations={"lock": "sha256:1"}
)


@pytest.fixture
def client(registry: Registry, home: dict[str, str]) -> Iterator[RegistryClient]:
    """Return the registry."""
    with open_quickly(Place(registry.host, home)) as opened:
        yield opened


def pushed(client: RegistryClient, layout: Layout, name: str) -> Image:
    image = make_image(layout)
    run_push(client, plan_push(client, layout, image, Place(client.host, {}).reference(name)), NoProgress())
    return image


def test_a_document_is_found_by_the_digest_of_its_image(client: RegistryClient, layout: Layout) -> None:
    image = pushed(client, layout, "referrers/one")
    repository = Place(client.host, {}).reference("referrers/one")
    attached = attach_document(client, repository, image.descriptor, SBOM)
    (found,) = find_referrers(client, repository, image.digest)
    assert found == attached
    assert (found.artifact_type, found.annotations) == (CYCLONEDX, {"lock": "sha256:1"})
    assert read_document(client, repository, found) == SBOM.data
    manifest = json.loads(client.get_manifest(repository.at(found.digest)).raw)
    assert manifest["subject"]["digest"] == str(image.digest)
    assert manifest["config"]["mediaType"] == "application/vnd.oci.empty.v1+json"


def test_the_list_is_under_the_tag_of_the_digest(client: RegistryClient, layout: Layout) -> None:
    image = pushed(client, layout, "referrers/tag")
    repository = Place(client.host, {}).reference("referrers/tag")
    attach_document(client, repository, image.descriptor, SBOM)
    index = client.get_manifest(repository.tagged(f"sha256-{image.digest.hex}"))
    assert index.media_type == INDEX


def test_the_same_document_is_listed_once_and_another_beside_it(client: RegistryClient, layout: Layout) -> None:
    image = pushed(client, layout, "referrers/two")
    repository = Place(client.host, {}).reference("referrers/two")
    report = Document(data=b"<html>", artifact_type="application/vnd.bindery.report", media_type="text/html")
    first = attach_document(client, repository, image.descriptor, SBOM)
    assert attach_document(client, repository, image.descriptor, SBOM) == first
    second = attach_document(client, repository, image.descriptor, report)
    assert find_referrers(client, repository, image.digest) == (first, second)
    assert find_referrers(client, repository, image.digest, CYCLONEDX) == (first,)
    assert find_referrers(client, repository, Digest("sha256", "0" * 64)) == ()


def test_a_registry_that_keeps_a_list_is_asked_for_it(
    fault_proxy: FaultProxy, layout: Layout, home: dict[str, str]
) -> None:
    place = Place(fault_proxy.host, home)
    repository = place.reference("referrers/listed")
    with open_quickly(place) as client:
        image = pushed(client, layout, "referrers/listed")
        # This is what a registry with a list says, which Debian's does not.
        fault_proxy.faults.append(Fault(method="PUT", path="/manifests/", headers={"OCI-Subject": str(image.digest)}))
        attached = attach_document(client, repository, image.descriptor, SBOM)
        assert client.find_manifest(repository.tagged(referrers.referrers_tag(image.digest))) is None
        fault_proxy.faults.append(Fault(path="/referrers/", status=200, body=encode_index([attached])))
        assert find_referrers(client, repository, image.digest) == (attached,)


def test_a_list_that_somebody_overwrote_is_written_again(
    fault_proxy: FaultProxy, layout: Layout, home: dict[str, str]
) -> None:
    place = Place(fault_proxy.host, home)
    repository = place.reference("referrers/again")
    with open_quickly(place) as client:
        image = pushed(client, layout, "referrers/again")
        tag = referrers.referrers_tag(image.digest)
        attach_document(client, repository, image.descriptor, SBOM)
        report = Document(data=b"text", artifact_type="text/plain", media_type="text/plain")
        fault_proxy.faults.append(Fault(method="PUT", path=f"/manifests/{tag}", status=503))
        second = attach_document(client, repository, image.descriptor, report)
        assert second in find_referrers(client, repository, image.digest)
        assert len(find_referrers(client, repository, image.digest)) == 2


def test_a_list_that_others_keep_writing_is_told(fault_proxy: FaultProxy, layout: Layout, home: dict[str, str]) -> None:
    place = Place(fault_proxy.host, home)
    repository = place.reference("referrers/lost")
    with open_quickly(place) as client:
        image = pushed(client, layout, "referrers/lost")
        attach_document(client, repository, image.descriptor, SBOM)
        empty = parse_index(encode_index([]), "")
        tag = referrers.referrers_tag(image.digest)
        for header in ("HEAD", "GET"):
            fault_proxy.faults.append(
                Fault(
                    method=header,
                    path=f"/manifests/{tag}",
                    headers={"Docker-Content-Digest": str(empty.digest)},
                    body=empty.raw,
                    times=100,
                )
            )
        with pytest.raises(ToolFailed) as caught:
            attach_document(client, repository, image.descriptor, SBOM)
    assert str(caught.value) == (
        f"{place.host}/referrers/lost: somebody else writes the list {tag} at the same time\n  fix: try again"
    )


def test_something_else_under_the_tag_is_told(client: RegistryClient, layout: Layout) -> None:
    image = pushed(client, layout, "referrers/other")
    repository = Place(client.host, {}).reference("referrers/other")
    tagged = repository.tagged(referrers.referrers_tag(image.digest))
    client.put_manifest(tagged, image.manifest)
    with pytest.raises(BadInput) as caught:
        attach_document(client, repository, image.descriptor, SBOM)
    assert str(caught.value) == f"{tagged}: is not a list of what refers to an image"


def test_an_image_is_no_document(client: RegistryClient, layout: Layout) -> None:
    image = pushed(client, layout, "referrers/image")
    repository = Place(client.host, {}).reference("referrers/image")
    with pytest.raises(BadInput) as caught:
        read_document(client, repository, image.descriptor)
    assert str(caught.value) == f"{repository.at(image.digest)}: is no document of one part"
