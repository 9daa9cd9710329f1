"""The registry of the test bed, and the proxy in front of it."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.testbed.fault_proxy import Fault
from tests.testbed.registry import PASSWORD, USER, run_registry

if TYPE_CHECKING:
    from pathlib import Path

    from tests.testbed.certificates import Certificates
    from tests.testbed.fault_proxy import FaultProxy
    from tests.testbed.registry import Registry

pytestmark = pytest.mark.testbed


def test_the_registry_answers(registry: Registry) -> None:
    assert httpx.get(f"{registry.url}/v2/").status_code == 200
    assert "GET /v2/" in registry.log()


def test_one_with_a_password_asks_for_it_over_tls(tmp_path: Path, certificates: Certificates) -> None:
    with run_registry(tmp_path, with_password=True, certificates=certificates) as closed:
        assert closed.url.startswith("https://127.0.0.1:")
        trust = ssl.create_default_context(cafile=closed.ca)
        with httpx.Client(verify=trust) as client:
            assert client.get(f"{closed.url}/v2/").status_code == 401
            assert client.get(f"{closed.url}/v2/", auth=(USER, PASSWORD)).status_code == 200


def test_the_proxy_passes_on_what_it_is_not_told_to_spoil(fault_proxy: FaultProxy) -> None:
    with httpx.Client(base_url=f"http://{fault_proxy.host}") as client:
        fault_proxy.faults.append(Fault(method="GET", path="^/v2/$", status=503, headers={"Retry-After": "0"}))
        assert client.get("/v2/").status_code == 503
        assert client.get("/v2/").status_code == 200
        begun = client.post("/v2/testbed/proxy/blobs/uploads/")
        assert begun.status_code == 202
        assert begun.headers["Location"].startswith(f"http://{fault_proxy.host}/v2/testbed/proxy/blobs/uploads/")
        fault_proxy.faults.append(Fault(method="PUT", cut_request=10))
        with pytest.raises(httpx.TransportError):
            client.put(begun.headers["Location"], content=bytes(100))
    assert [(one.method, one.status, one.sent_bytes) for one in fault_proxy.passed] == [
        ("GET", 503, 0),
        ("GET", 200, 0),
        ("POST", 202, 0),
        ("PUT", 0, 10),
    ]
    assert len({one.connection for one in fault_proxy.passed}) == 1
