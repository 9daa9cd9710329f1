"""What becomes of the failures of a network, and how long we wait."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

import httpx
import pytest

from bindery.core import BadInput, ToolFailed
from bindery.images.registry import CredentialPlaces, Retries
from bindery.images.registry.transport import InterruptedRequest, Transport, _retry_after_s, describe

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW_S = 1_000_000_000.0  # 2001-09-09 01:46:40


@pytest.fixture
def transport(home: dict[str, str]) -> Iterator[Transport]:
    """Return a transport to a registry that is not there."""
    made = Transport("registry.example.org", CredentialPlaces(environ=home))
    yield made
    made.close()


@pytest.mark.parametrize(
    ("failures", "asked_s", "expected_s"),
    [
        (1, None, 0.5),
        (2, None, 1.0),
        (5, None, 8.0),
        (30, None, 120.0),
        (1, 7.0, 7.0),
        (1, 3600.0, 120.0),
        (4, -1.0, 0),
    ],
)
def test_pauses_grow_and_what_the_server_asks_for_counts_more(
    failures: int, asked_s: float | None, expected_s: float
) -> None:
    assert Retries().pause_s(failures, asked_s) == expected_s


@pytest.mark.parametrize(
    ("value", "expected_s"),
    [("120", 120.0), (" 3 ", 3.0), ("Sun, 09 Sep 2001 01:47:10 GMT", 30.0), ("soon", None), ("-1", None), (None, None)],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, expected_s: float | None) -> None:
    headers = {} if value is None else {"Retry-After": value}
    assert _retry_after_s(httpx.Response(429, headers=headers), NOW_S) == expected_s


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "status 400"),
        (b"<html>no</html>", "status 400"),
        (b'{"errors": []}', "status 400"),
        (b'{"errors": [{"code": "DENIED", "message": "no"}]}', "status 400 (DENIED: no)"),
        (b'{"errors": [{"code": "A", "message": "a"}, {"code": "B", "message": "b"}]}', "status 400 (A: a; B: b)"),
        (b'{"errors": [{"code": "A", "message": "\\u001b[2Jclear"}]}', "status 400 (A: [2Jclear)"),
    ],
)
def test_errors_are_told_in_the_registrys_words(body: bytes, expected: str) -> None:
    assert describe(httpx.Response(400, content=body)) == expected


def failure(cause: BaseException) -> httpx.ConnectError:
    error = httpx.ConnectError(str(cause))
    error.__cause__ = cause
    return error


def test_a_name_that_is_not_known_is_not_asked_for_again(transport: Transport) -> None:
    found = transport._understood(failure(socket.gaierror(socket.EAI_NONAME, "Name or service not known")))
    assert isinstance(found, ToolFailed)
    assert str(found) == "registry.example.org: there is no host of that name"


def test_a_name_server_that_fails_for_now_is_asked_again(transport: Transport) -> None:
    found = transport._understood(failure(socket.gaierror(socket.EAI_AGAIN, "Temporary failure")))
    assert isinstance(found, InterruptedRequest)
    assert found.what == "cannot be reached: [Errno -3] Temporary failure"


def test_what_does_not_speak_tls_is_told_how_to_be_reached(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = ssl.SSLError(1, "wrong version number")
    wrong.reason = "WRONG_VERSION_NUMBER"

    def send(request: httpx.Request, *, stream: bool) -> httpx.Response:
        assert request.url.scheme == "https"
        assert stream
        raise failure(wrong)

    monkeypatch.setattr(transport._client, "send", send)
    with pytest.raises(ToolFailed) as caught:
        transport.url("/v2/")
    assert str(caught.value) == (
        "registry.example.org: does not speak TLS (WRONG_VERSION_NUMBER)\n"
        "  fix: use --plain-http, if you trust the network up to it"
    )


@pytest.mark.parametrize("location", ["http://cdn.example.org/blob", "ftp://cdn.example.org/blob"])
def test_nobody_sends_us_from_https_to_something_else(transport: Transport, location: str) -> None:
    with pytest.raises(BadInput) as caught:
        transport._moved("https://registry.example.org/v2/a", location)
    assert str(caught.value) == (
        f"registry.example.org: sends us from https to {location.partition('://')[0]}://cdn.example.org"
    )


def test_locations_may_be_relative(transport: Transport) -> None:
    base = "https://registry.example.org/v2/a/blobs/uploads/"
    assert transport._moved(base, "/v2/b?c") == "https://registry.example.org/v2/b?c"
    assert transport._moved(base, "https://cdn.example.org/x") == "https://cdn.example.org/x"
    assert transport._moved("http://127.0.0.1/v2", "http://127.0.0.1:1/x") == "http://127.0.0.1:1/x"


def test_an_answer_without_a_location_is_told(transport: Transport) -> None:
    with pytest.raises(BadInput) as caught:
        transport.location(httpx.Response(202), "https://registry.example.org/v2/")
    assert str(caught.value) == "registry.example.org: answers with status 202 and no Location"
