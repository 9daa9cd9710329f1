"""Who we are: passwords over TLS, tokens from a server that really signs, and what is said when we are refused."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.images.registry.conftest import Place, make_image, open_quickly
from tests.testbed.fault_proxy import Fault, run_fault_proxy
from tests.testbed.registry import PASSWORD, USER, run_registry
from tests.testbed.token_server import REFRESH_TOKEN, run_token_server

from bindery.core import BadInput, BinderyError, NoProgress, ToolFailed
from bindery.images.registry import plan_pull, plan_push, run_pull, run_push

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.testbed.certificates import Certificates
    from tests.testbed.fault_proxy import FaultProxy
    from tests.testbed.registry import Registry
    from tests.testbed.token_server import TokenServer

    from bindery.images.layout import Layout

pytestmark = pytest.mark.testbed
NAME = "group/image"


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory, certificates: Certificates) -> Iterator[Registry]:
    """Return a registry that wants a password, over TLS."""
    with run_registry(tmp_path_factory.mktemp("closed"), with_password=True, certificates=certificates) as running:
        yield running


@pytest.fixture(scope="module")
def token_server(certificates: Certificates) -> Iterator[TokenServer]:
    """Return the server that signs tokens."""
    with run_token_server(certificates) as running:
        yield running


@pytest.fixture(scope="module")
def guarded(
    tmp_path_factory: pytest.TempPathFactory, certificates: Certificates, token_server: TokenServer
) -> Iterator[Registry]:
    """Return a registry that wants a token."""
    folder = tmp_path_factory.mktemp("guarded")
    with run_registry(folder, token_realm=token_server.realm, certificates=certificates) as running:
        yield running


@pytest.fixture(autouse=True)
def fresh(token_server: TokenServer) -> None:
    """Forget what other tests asked the token server."""
    token_server.asked.clear()
    token_server.answers.clear()
    token_server.life_s = 300


def log_in(home: dict[str, str], host: str, user: str = USER, password: str = PASSWORD, **more: str) -> Path:
    """Write what ``docker login`` writes, and return the file."""
    path = Path(home["HOME"]) / ".docker" / "config.json"
    path.parent.mkdir(exist_ok=True)
    entry = {"auth": base64.b64encode(f"{user}:{password}".encode()).decode(), **more}
    path.write_text(json.dumps({"auths": {host: entry}}), encoding="utf-8")
    return path


def push(place: Place, layout: Layout, name: str = NAME) -> str:
    image = make_image(layout, sizes=(10, 2_000_000))
    with open_quickly(place) as client:
        plan = plan_push(client, layout, image, place.reference(name), tags=["1"])
        return str(run_push(client, plan, NoProgress()).digest)


def refused(place: Place, layout: Layout, name: str = NAME) -> BinderyError:
    with pytest.raises(BinderyError) as caught:
        push(place, layout, name)
    assert PASSWORD not in repr(caught.value)
    return caught.value


def test_a_password_is_used_over_tls(closed: Registry, layout: Layout, other: Layout, home: dict[str, str]) -> None:
    log_in(home, closed.host)
    place = Place(closed.host, {**home, "SSL_CERT_FILE": str(closed.ca)})
    digest = push(place, layout)
    with open_quickly(place) as client:
        plan = plan_pull(client, place.reference(NAME, "1"), other, platform="linux-64")
        run_pull(client, plan, NoProgress(), name="pulled")
    assert str(other.resolve("pulled").digest) == digest


def test_who_has_no_credentials_is_told_where_they_were_looked_for(
    closed: Registry, layout: Layout, home: dict[str, str]
) -> None:
    error = refused(Place(closed.host, {**home, "SSL_CERT_FILE": str(closed.ca)}), layout)
    assert str(error) == (
        f"{closed.host}: refuses to let somebody without credentials in: "
        "status 401 (UNAUTHORIZED: authentication required)\n"
        f"  fix: docker login {closed.host} (looked in {home['HOME']}/.docker/config.json)"
    )


def test_a_wrong_password_is_told_without_the_password(closed: Registry, layout: Layout, home: dict[str, str]) -> None:
    path = log_in(home, closed.host, password="not the password")  # noqa: S106
    error = refused(Place(closed.host, {**home, "SSL_CERT_FILE": str(closed.ca)}), layout)
    assert str(error) == (
        f"{closed.host}: refuses to let user bindery in, with the credentials from {path}: "
        "status 401 (UNAUTHORIZED: authentication required)\n"
        f"  fix: docker login {closed.host}, as somebody who may"
    )
    assert "not the password" not in repr(error)


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_certificates_are_found_as_users_of_python_expect(
    closed: Registry, layout: Layout, home: dict[str, str], name: str
) -> None:
    log_in(home, closed.host)
    assert push(Place(closed.host, {**home, name: str(closed.ca)}), layout)


def test_a_certificate_that_nobody_trusts_is_refused(closed: Registry, layout: Layout, home: dict[str, str]) -> None:
    log_in(home, closed.host)
    assert str(refused(Place(closed.host, home), layout)) == (
        f"{closed.host}: its certificate is not trusted: unable to get local issuer certificate\n"
        "  fix: set SSL_CERT_FILE to a file with the certificate of whoever signed it"
    )


def test_a_file_without_certificates_is_refused(
    closed: Registry, layout: Layout, home: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "empty.pem").touch()
    for value in (tmp_path / "empty.pem", tmp_path / "nowhere.pem"):
        error = refused(Place(closed.host, {**home, "SSL_CERT_FILE": str(value)}), layout)
        assert str(error) == f"SSL_CERT_FILE={value}: holds no certificates that can be read"
        assert isinstance(error, BadInput)


def test_a_token_is_fetched_once_for_all_blobs(
    guarded: Registry, token_server: TokenServer, layout: Layout, home: dict[str, str]
) -> None:
    log_in(home, guarded.host)
    assert push(Place(guarded.host, home), layout)
    asked = [(method, user, dict(fields)) for method, user, fields in token_server.asked]
    service = {"service": "the test's registry", "account": USER}
    assert asked == [
        ("GET", USER, service),
        ("GET", USER, {**service, "scope": f"repository:{NAME}:pull,push"}),
    ]


def test_an_identity_token_is_sent_in_a_form(
    guarded: Registry, token_server: TokenServer, layout: Layout, home: dict[str, str]
) -> None:
    log_in(home, guarded.host, "<token>", "", identitytoken=REFRESH_TOKEN)
    assert push(Place(guarded.host, home), layout)
    method, user, fields = token_server.asked[-1]
    assert (method, user) == ("POST", USER)
    assert dict(fields) == {
        "service": "the test's registry",
        "client_id": "bindery",
        "grant_type": "refresh_token",
        "refresh_token": REFRESH_TOKEN,
        "scope": f"repository:{NAME}:pull,push",
    }


def test_anybody_pulls_what_is_public_and_pushes_nothing(
    guarded: Registry, layout: Layout, other: Layout, home: dict[str, str]
) -> None:
    config = log_in(home, guarded.host)
    push(Place(guarded.host, home), layout, "public/image")
    config.unlink()
    place = Place(guarded.host, home)
    with open_quickly(place) as client:
        plan = plan_pull(client, place.reference("public/image", "1"), other, platform="linux-64")
        run_pull(client, plan, NoProgress(), name="pulled")
    assert str(refused(place, layout, "public/image")) == (
        f"{guarded.host}: refuses to let somebody without credentials push to public/image: "
        "status 401 (UNAUTHORIZED: authentication required)\n"
        f"  fix: docker login {guarded.host} (looked in {config})"
    )


def test_a_token_server_that_refuses_is_told(guarded: Registry, layout: Layout, home: dict[str, str]) -> None:
    path = log_in(home, guarded.host, user="somebody")
    assert str(refused(Place(guarded.host, home), layout)) == (
        f"{guarded.host}: refuses to let user somebody in, with the credentials from {path}: "
        "its token server answers with status 401\n"
        f"  fix: docker login {guarded.host}, as somebody who may"
    )


def test_a_token_server_that_is_busy_is_asked_again(
    guarded: Registry, token_server: TokenServer, layout: Layout, home: dict[str, str]
) -> None:
    log_in(home, guarded.host)
    token_server.answers += [(503, b""), (429, b"slow down")]
    assert push(Place(guarded.host, home), layout)


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        ((200, b"<html>"), "{realm}: does not answer as a token server does"),
        ((200, b'{"token": 12}'), "{realm}: does not answer as a token server does"),
        ((200, b"{}"), "{realm}: answers without a token"),
        ((200, b'{"token": "a\\r\\nX-Evil: b"}'), "{realm}: answers without a token"),
        ((418, b""), "{host}: its token server answers with status 418"),
    ],
)
def test_a_token_server_that_answers_nonsense_is_told(
    guarded: Registry,
    token_server: TokenServer,
    layout: Layout,
    home: dict[str, str],
    answer: tuple[int, bytes],
    what: str,
) -> None:
    log_in(home, guarded.host)
    token_server.answers.append(answer)
    error = refused(Place(guarded.host, home), layout)
    assert str(error) == what.format(realm=token_server.realm, host=guarded.host)


@pytest.fixture
def spoiled(registry: Registry) -> Iterator[FaultProxy]:
    """Return a proxy of its own: a 401 from it is remembered by a client."""
    with run_fault_proxy(registry.host) as running:
        yield running


def test_credentials_are_not_sent_to_a_realm_that_is_not_https(
    spoiled: FaultProxy, layout: Layout, home: dict[str, str]
) -> None:
    log_in(home, spoiled.host)
    header = 'Bearer realm="http://auth.example.org/token",service="x"'
    spoiled.faults.append(Fault(status=401, headers={"WWW-Authenticate": header}))
    assert str(refused(Place(spoiled.host, home), layout)) == (
        f"{spoiled.host}: sends us for a token to 'http://auth.example.org/token', which is not an https address"
    )


def test_a_scheme_that_nobody_knows_is_told(spoiled: FaultProxy, layout: Layout, home: dict[str, str]) -> None:
    spoiled.faults.append(Fault(status=401, headers={"WWW-Authenticate": "Negotiate"}))
    spoiled.faults.append(Fault(status=401))
    for named in ("negotiate", "nothing"):
        assert str(refused(Place(spoiled.host, home), layout)) == (
            f"{spoiled.host}: wants to be answered with {named}, and we know Bearer and Basic"
        )


def test_a_token_that_is_refused_later_is_renewed(
    guarded: Registry, token_server: TokenServer, layout: Layout, home: dict[str, str]
) -> None:
    with run_fault_proxy(guarded.host) as proxy:
        log_in(home, proxy.host)
        header = f'Bearer realm="{token_server.realm}",service="the test\'s registry"'
        proxy.faults.append(Fault(method="PATCH", status=401, headers={"WWW-Authenticate": header}))
        assert push(Place(proxy.host, home), layout, "group/renewed")
        assert proxy.count("PATCH", "") == 2
    assert len(token_server.asked) == 3


def test_a_refusal_in_the_middle_says_what_was_to_be_done(
    spoiled: FaultProxy, layout: Layout, home: dict[str, str]
) -> None:
    body = b'{"errors": [{"code": "DENIED", "message": "quota \\u001b[31m reached"}]}'
    spoiled.faults.append(Fault(method="PUT", path="/manifests/", status=403, body=body))
    error = refused(Place(spoiled.host, home), layout, "middle")
    assert isinstance(error, ToolFailed)
    assert str(error) == (
        f"{spoiled.host}: refuses to let somebody without credentials push to middle: "
        "status 403 (DENIED: quota [31m reached)\n"
        f"  fix: docker login {spoiled.host} (looked in {home['HOME']}/.docker/config.json)"
    )
