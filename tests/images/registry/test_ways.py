"""The ways to a registry: through a proxy, without one, to other hosts; and what is told to whom on the way."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.images.registry.conftest import Place, make_image, open_quickly
from tests.testbed.fault_proxy import Fault, run_fault_proxy
from tests.testbed.registry import PASSWORD, USER, run_registry

from bindery.core import NoProgress
from bindery.images.registry import plan_pull, plan_push, run_pull, run_push

if TYPE_CHECKING:
    from tests.testbed.fault_proxy import FaultProxy
    from tests.testbed.registry import Registry

    from bindery.core import Digest
    from bindery.images.layout import Image, Layout

pytestmark = pytest.mark.testbed
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the proxies of the machine that tests."""
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def push(place: Place, layout: Layout, image: Image, name: str, *, plain_http: bool = False) -> Digest:
    with open_quickly(place, plain_http=plain_http) as client:
        plan = plan_push(client, layout, image, place.reference(name), tags=["1"])
        return run_push(client, plan, NoProgress()).digest


def pull(place: Place, other: Layout, name: str, *, plain_http: bool = False) -> Digest:
    with open_quickly(place, plain_http=plain_http) as client:
        plan = plan_pull(client, place.reference(name, "1"), other)
        run_pull(client, plan, NoProgress(), name="pulled")
    return other.resolve("pulled").digest


def test_a_proxy_of_the_environment_is_used(
    fault_proxy: FaultProxy, layout: Layout, other: Layout, home: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://{fault_proxy.host}")
    # Nobody has this name but whoever the proxy asks.
    place = Place("registry.invalid", home)
    image = make_image(layout)
    assert push(place, layout, image, "ways/proxy", plain_http=True) == image.digest
    assert pull(place, other, "ways/proxy", plain_http=True) == image.digest
    assert fault_proxy.count("PUT", "^http://registry.invalid/v2/ways/proxy/manifests/1$") == 1


def test_no_proxy_stands_between_us_and_our_own_machine(
    registry: Registry, layout: Layout, home: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in PROXIES[:3]:
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    image = make_image(layout)
    assert push(Place(registry.host, home), layout, image, "ways/none") == image.digest


def test_other_hosts_are_not_told_who_we_are(
    fault_proxy: FaultProxy, layout: Layout, other: Layout, home: dict[str, str], tmp_path: Path
) -> None:
    image = make_image(layout)
    push(Place(fault_proxy.host, home), layout, image, "ways/moved")
    config = Path(home["HOME"]) / ".docker" / "config.json"
    config.parent.mkdir()
    auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    with (
        run_registry(tmp_path / "closed", with_password=True) as closed,
        run_fault_proxy(closed.host) as guarded,
    ):
        config.write_text(json.dumps({"auths": {guarded.host: {"auth": auth}}}), encoding="utf-8")
        place = Place(guarded.host, home)
        push(place, layout, image, "ways/moved")
        fault_proxy.passed.clear()
        for blob in image.manifest.layers:
            path = f"/v2/ways/moved/blobs/{blob.digest}"
            moved = {"Location": f"http://{fault_proxy.host}{path}"}
            guarded.faults.append(Fault(method="GET", path=path, status=307, headers=moved))
        assert pull(place, other, "ways/moved") == image.digest
        # An upload that goes elsewhere is not told either, and fails there if it needs to be.
        told = [one for one in guarded.passed if one.method == "GET" and one.status == 307]
    assert len(fault_proxy.passed) == len(told) == 3
    assert all("Authorization" in one.headers for one in told)
    assert not any("Authorization" in one.headers for one in fault_proxy.passed)


def test_a_password_goes_to_no_host_before_it_asks(
    fault_proxy: FaultProxy, layout: Layout, home: dict[str, str]
) -> None:
    config = Path(home["HOME"]) / ".docker" / "config.json"
    config.parent.mkdir()
    auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    config.write_text(json.dumps({"auths": {fault_proxy.host: {"auth": auth}}}), encoding="utf-8")
    push(Place(fault_proxy.host, home), layout, make_image(layout), "ways/open")
    assert not any("Authorization" in one.headers for one in fault_proxy.passed)
