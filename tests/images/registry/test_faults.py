"""A network and a registry that fail: what is tried again, what is told, and that tags stay on whole images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.images.registry.conftest import Place, make_image, open_quickly
from tests.testbed.fault_proxy import Fault

from bindery.core import BadInput, BinderyError, NoProgress, ToolFailed
from bindery.images.layout import read_image
from bindery.images.registry import plan_pull, plan_push, run_pull, run_push, uploads

if TYPE_CHECKING:
    from tests.testbed.fault_proxy import FaultProxy
    from tests.testbed.registry import Registry

    from bindery.core import Digest
    from bindery.images.layout import Image, Layout

pytestmark = pytest.mark.testbed
AGAIN = "\n  fix: try again: what was done is not done twice"
TELL = "\n  fix: nothing was kept; tell whoever runs the registry"
ALWAYS = 1000


@pytest.fixture
def place(fault_proxy: FaultProxy, home: dict[str, str]) -> Place:
    """Return the registry behind the proxy."""
    return Place(fault_proxy.host, home)


def push(place: Place, layout: Layout, image: Image, name: str) -> Digest:
    with open_quickly(place) as client:
        plan = plan_push(client, layout, image, place.reference(name), tags=["1"])
        return run_push(client, plan, NoProgress()).digest


def pull(place: Place, other: Layout, name: str) -> Image:
    with open_quickly(place) as client:
        plan = plan_pull(client, place.reference(name, "1"), other, platform="linux-64")
        run_pull(client, plan, NoProgress(), name="pulled")
    return read_image(other, "pulled")


@pytest.mark.parametrize(
    ("method", "status"),
    [
        *(("HEAD", status) for status in (408, 425, 429, 500, 502, 503, 504)),
        *((method, status) for method in ("POST", "PUT", "PATCH") for status in (429, 500)),
    ],
)
def test_a_failure_that_passes_is_survived(
    place: Place, fault_proxy: FaultProxy, layout: Layout, method: str, status: int
) -> None:
    fault_proxy.faults.append(Fault(method=method, status=status, times=3))
    image = make_image(layout, seed=status * 100 + sum(method.encode()), sizes=(10, 1_100_000))
    assert push(place, layout, image, "faults/passing") == image.digest
    assert sum(one.status == status for one in fault_proxy.passed) == 3


def test_a_failure_that_stays_is_told(place: Place, fault_proxy: FaultProxy, layout: Layout) -> None:
    body = b'{"errors": [{"code": "TOOMANYREQUESTS", "message": "slow down"}]}'
    fault_proxy.faults.append(Fault(method="POST", status=429, times=ALWAYS, headers={"Retry-After": "0"}, body=body))
    with pytest.raises(ToolFailed) as caught:
        push(place, layout, make_image(layout, sizes=()), "faults/staying")
    assert str(caught.value) == (
        f"{place.host}: answers with status 429 (TOOMANYREQUESTS: slow down) (tried 6 times){AGAIN}"
    )


@pytest.mark.parametrize("status", [400, 404, 409, 422])
def test_a_refusal_is_not_tried_again(place: Place, fault_proxy: FaultProxy, layout: Layout, status: int) -> None:
    fault_proxy.faults.append(Fault(method="POST", status=status, times=ALWAYS))
    image = make_image(layout, sizes=())
    with pytest.raises(ToolFailed) as caught:
        push(place, layout, image, "faults/refused")
    assert str(caught.value) == (
        f"{place.host}/faults/refused: does not begin an upload {image.config.digest}: status {status}"
    )
    assert fault_proxy.count("POST", "") == 1


def test_a_manifest_that_is_refused_leaves_the_tags(
    place: Place, fault_proxy: FaultProxy, layout: Layout, other: Layout
) -> None:
    old = push(place, layout, make_image(layout), "faults/manifest")
    fault_proxy.faults.append(Fault(method="PUT", path="/manifests/sha256", status=400))
    with pytest.raises(ToolFailed) as caught:
        push(place, layout, make_image(layout, seed=2), "faults/manifest")
    new = make_image(layout, seed=2).digest
    assert str(caught.value) == f"{place.host}/faults/manifest@{new}: answers with status 400"
    assert pull(place, other, "faults/manifest").digest == old


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
@pytest.mark.parametrize("cut", [0, 1, 70_000])
def test_a_connection_cut_in_the_middle_of_a_blob_is_survived(
    place: Place, fault_proxy: FaultProxy, layout: Layout, other: Layout, method: str, cut: int
) -> None:
    fault_proxy.faults.append(Fault(method=method, path="/uploads/", cut_request=cut, times=2))
    image = make_image(layout, seed=cut + len(method), sizes=(100_000, 1_100_000))
    assert push(place, layout, image, "faults/cut") == image.digest
    assert pull(place, other, "faults/cut").digest == image.digest


def test_a_connection_that_is_always_cut_is_told(place: Place, fault_proxy: FaultProxy, layout: Layout) -> None:
    fault_proxy.faults.append(Fault(method="PATCH", cut_request=1_000_000, times=ALWAYS))
    with pytest.raises(ToolFailed) as caught:
        push(place, layout, make_image(layout, seed=3), "faults/always")
    # What the kernel says of it depends on who was faster.
    assert caught.value.what.startswith("cannot be reached: ")
    assert caught.value.what.endswith(" (tried 6 times)")
    assert (caught.value.where, caught.value.fix) == (place.host, AGAIN.removeprefix("\n  fix: "))
    with open_quickly(place) as client:
        assert client.find_manifest(place.reference("faults/always", "1")) is None


def test_an_answer_that_is_lost_is_not_a_blob_that_is_sent_again(
    place: Place, fault_proxy: FaultProxy, layout: Layout
) -> None:
    fault_proxy.faults.append(Fault(method="PUT", path="/uploads/", cut_answer=0))
    image = make_image(layout, seed=4, sizes=())
    assert push(place, layout, image, "faults/lost") == image.digest
    assert fault_proxy.count("PUT", "/uploads/") == 1


def test_a_body_that_is_too_large_is_sent_in_chunks_which_go_on_where_they_were(
    place: Place, fault_proxy: FaultProxy, layout: Layout, other: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "FIRST_CHUNK_BYTES", 2_000_000)
    fault_proxy.faults += [
        Fault(method="PATCH", status=413),
        # The first two chunks arrive, the third is refused for now.
        Fault(method="PATCH", status=503, after=2, times=1),
    ]
    image = make_image(layout, seed=5, sizes=(6_000_000,))
    assert push(place, layout, image, "faults/chunks") == image.digest
    chunks = [(one.headers["Content-Range"], one.status) for one in fault_proxy.passed if one.method == "PATCH"]
    assert chunks == [
        ("0-5999999", 413),
        ("0-1999999", 202),
        ("2000000-3999999", 202),
        ("4000000-5999999", 503),
        ("4000000-5999999", 202),
    ]
    assert fault_proxy.count("GET", "/uploads/") == 1
    assert pull(place, other, "faults/chunks").digest == image.digest


def test_a_registry_that_takes_no_chunk_at_all_is_told(place: Place, fault_proxy: FaultProxy, layout: Layout) -> None:
    fault_proxy.faults.append(Fault(method="PATCH", status=413, times=ALWAYS))
    image = make_image(layout, seed=6, sizes=(3_000_000,))
    with pytest.raises(ToolFailed) as caught:
        push(place, layout, image, "faults/tiny")
    assert str(caught.value) == (
        f"{place.host}/faults/tiny: does not take a part of the blob {image.manifest.layers[0].digest}: status 413"
    )


def test_a_registry_that_stored_something_else_is_told(place: Place, fault_proxy: FaultProxy, layout: Layout) -> None:
    wrong = f"sha256:{'0' * 64}"
    fault_proxy.faults.append(
        Fault(
            method="PUT", path="/manifests/", headers={"Docker-Content-Digest": wrong}, drop=("Docker-Content-Digest",)
        )
    )
    image = make_image(layout)
    with pytest.raises(ToolFailed) as caught:
        push(place, layout, image, "faults/stored")
    assert str(caught.value) == (
        f"{place.host}/faults/stored@{image.digest}: "
        f"was given the manifest {image.digest}, and says that it has {wrong}"
    )


def test_what_is_no_registry_is_told(place: Place, fault_proxy: FaultProxy, layout: Layout) -> None:
    fault_proxy.faults.append(Fault(path="^/v2/$", status=418))
    with pytest.raises(ToolFailed) as caught:
        push(place, layout, make_image(layout), "faults/none")
    assert str(caught.value) == f"{place.host}: is no registry: it answers to /v2/ with status 418"


def test_redirects_are_followed_without_the_password(
    place: Place, fault_proxy: FaultProxy, registry: Registry, layout: Layout, other: Layout, home: dict[str, str]
) -> None:
    image = make_image(layout, seed=8)
    push(Place(registry.host, home), layout, image, "faults/moved")
    for blob in image.manifest.layers:
        path = f"/v2/faults/moved/blobs/{blob.digest}"
        fault_proxy.faults.append(
            Fault(method="GET", path=path, status=307, headers={"Location": f"{registry.url}{path}"})
        )
    assert pull(place, other, "faults/moved").digest == image.digest
    assert sum(one.status == 307 for one in fault_proxy.passed) == 3


def test_redirects_without_end_are_told(place: Place, fault_proxy: FaultProxy, layout: Layout, other: Layout) -> None:
    push(place, layout, make_image(layout), "faults/circle")
    fault_proxy.faults.append(
        Fault(method="GET", path="/manifests/", status=302, headers={"Location": "/v2/x/manifests/1"}, times=ALWAYS)
    )
    with pytest.raises(ToolFailed) as caught:
        pull(place, other, "faults/circle")
    assert str(caught.value) == f"{place.host}: redirects more than 5 times"


def spoil(
    place: Place, fault_proxy: FaultProxy, layout: Layout, other: Layout, fault: Fault
) -> tuple[BinderyError, str]:
    """Return the error of a pull whose largest layer has this fault, and where it says that it is."""
    image = make_image(layout, seed=9)
    push(place, layout, image, "faults/spoiled")
    digest = image.manifest.layers[2].digest
    fault.method, fault.path = "GET", f"/blobs/{digest}"
    fault_proxy.faults.append(fault)
    with pytest.raises(BinderyError) as caught:
        pull(place, other, "faults/spoiled")
    assert other.names() == {}
    assert not other.has_blob(digest)
    assert [path for path in (other.root / "blobs" / ".work").iterdir() if path.is_file()] == []
    return caught.value, f"{place.host}/faults/spoiled: blob {digest}"


def test_wrong_bytes_are_refused_and_nothing_gets_a_name(
    place: Place, fault_proxy: FaultProxy, layout: Layout, other: Layout
) -> None:
    error, where = spoil(place, fault_proxy, layout, other, Fault(flip=1_000_000, times=ALWAYS))
    assert isinstance(error, BadInput)
    digest = make_image(layout, seed=9).manifest.layers[2].digest
    assert error.where == where
    assert error.what.startswith("sha256 is ")
    assert error.what.endswith(f", expected {digest.hex}")
    assert f"\n  fix: {error.fix}" == TELL


def test_a_length_that_is_wrong_is_refused_before_it_is_read(
    place: Place, fault_proxy: FaultProxy, layout: Layout, other: Layout
) -> None:
    error, where = spoil(place, fault_proxy, layout, other, Fault(append=b"more", times=ALWAYS))
    assert str(error) == f"{where}: has 3000004 bytes, expected 3000000{TELL}"


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (bytes(3_000_001), "has more bytes than the 3000000 that it should have"),
        (bytes(10), "ends after 10 bytes, expected 3000000"),
        (b"", "ends after 0 bytes, expected 3000000"),
    ],
)
def test_a_body_of_unsaid_length_is_refused(
    place: Place, fault_proxy: FaultProxy, layout: Layout, other: Layout, body: bytes, what: str
) -> None:
    error, where = spoil(place, fault_proxy, layout, other, Fault(body=body, chunked=True, times=ALWAYS))
    assert str(error) == f"{where}: {what}{TELL}"


def test_a_blob_that_is_gone_is_told(place: Place, fault_proxy: FaultProxy, layout: Layout, other: Layout) -> None:
    error, where = spoil(place, fault_proxy, layout, other, Fault(status=404, times=ALWAYS))
    assert str(error) == f"{where}: is not there"


def test_a_blob_that_is_refused_is_told(place: Place, fault_proxy: FaultProxy, layout: Layout, other: Layout) -> None:
    error, where = spoil(place, fault_proxy, layout, other, Fault(status=451, times=ALWAYS))
    assert str(error) == f"{where}: answers with status 451"


def test_another_part_than_was_asked_for_is_refused(
    place: Place, fault_proxy: FaultProxy, layout: Layout, other: Layout
) -> None:
    fault_proxy.faults.append(Fault(method="GET", path="/blobs/", cut_answer=2_000_000, after=0))
    image = make_image(layout, seed=10, sizes=(3_000_000,))
    push(place, layout, image, "faults/part")
    digest = image.manifest.layers[0].digest
    fault_proxy.faults[:] = [
        Fault(method="GET", path=f"/blobs/{digest}", cut_answer=2_000_000),
        Fault(method="GET", path=f"/blobs/{digest}", status=206, headers={"Content-Range": "bytes 0-2/3"}, body=b"abc"),
    ]
    with pytest.raises(BadInput) as caught:
        pull(place, other, "faults/part")
    assert str(caught.value) == (
        f"{place.host}/faults/part: blob {digest}: sends another part of the blob than we asked for"
    )


def test_a_download_goes_on_where_it_was_cut(
    place: Place, fault_proxy: FaultProxy, layout: Layout, other: Layout
) -> None:
    image = make_image(layout, seed=11)
    push(place, layout, image, "faults/resumed")
    digest = image.manifest.layers[2].digest
    # More often than we would try anything that gets nowhere.
    fault_proxy.faults.append(Fault(method="GET", path=f"/blobs/{digest}", cut_answer=300_000, times=8))
    assert pull(place, other, "faults/resumed").digest == image.digest
    asked = [one for one in fault_proxy.passed if one.method == "GET" and one.path.endswith(str(digest))]
    assert [one.status for one in asked] == [200, *[206] * 8]
    assert asked[1].headers["Range"].startswith("bytes=")


def test_a_server_that_knows_no_ranges_begins_anew(
    place: Place, fault_proxy: FaultProxy, layout: Layout, other: Layout
) -> None:
    image = make_image(layout, seed=12)
    push(place, layout, image, "faults/anew")
    layer = image.manifest.layers[2]
    whole = layout.blob_path(layer.digest).read_bytes()
    fault_proxy.faults += [
        Fault(method="GET", path=f"/blobs/{layer.digest}", cut_answer=2_000_000),
        Fault(method="GET", path=f"/blobs/{layer.digest}", status=200, body=whole),
    ]
    assert pull(place, other, "faults/anew").digest == image.digest


def test_a_manifest_with_another_digest_is_refused(
    place: Place, fault_proxy: FaultProxy, layout: Layout, other: Layout
) -> None:
    image = make_image(layout, seed=13)
    push(place, layout, image, "faults/digest")
    forged = image.manifest.raw.replace(b'"schemaVersion":2', b'"schemaVersion":2 ')
    fault_proxy.faults.append(Fault(method="GET", path="/manifests/", body=forged, times=ALWAYS))
    for reference in (place.reference("faults/digest", "1"), place.reference("faults/digest").at(image.digest)):
        with open_quickly(place) as client, pytest.raises(BadInput) as caught:
            plan_pull(client, reference, other)
        assert caught.value.where == str(reference)
        assert caught.value.what.startswith("sha256 of the manifest is sha256:")
        assert caught.value.what.endswith(f", expected {image.digest}")
    assert other.names() == {}


def test_a_manifest_that_is_too_large_is_not_read(place: Place, fault_proxy: FaultProxy, other: Layout) -> None:
    fault_proxy.faults.append(Fault(method="GET", path="/manifests/", status=200, body=bytes(4_194_305)))
    with open_quickly(place) as client, pytest.raises(BadInput) as caught:
        plan_pull(client, place.reference("faults/large", "1"), other)
    assert str(caught.value) == (
        f"http://{place.host}/v2/faults/large/manifests/1: answers with more than 4194304 bytes"
    )


def test_an_image_that_is_not_there_is_told(place: Place, other: Layout) -> None:
    with open_quickly(place) as client, pytest.raises(BadInput) as caught:
        plan_pull(client, place.reference("faults/nowhere", "1"), other)
    assert str(caught.value) == f"{place.host}/faults/nowhere:1: is not there"
