"""HTTP to one registry: connections kept open, answers to 401, redirects, failures tried again after a pause.

Source: OCI distribution-spec v1.1, "Definitions" and "Error Codes"; RFC 9110, 10.2.3 for Retry-After.
"""

from __future__ import annotations

import socket
import ssl
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from threading import Event, Lock
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlencode, urljoin, urlsplit

import httpx

from bindery import __version__
from bindery.core import BadInput, ToolFailed
from bindery.images.documents import Node
from bindery.images.registry.authentication import Authenticator, TokenRequest
from bindery.images.registry.reference import is_loopback
from bindery.images.registry.trust import trusted_certificates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bindery.images.registry.credentials import CredentialPlaces

T = TypeVar("T")
TIMEOUT = httpx.Timeout(60.0, connect=20.0)
"""Of each read and write. Whoever is too slow is asked again, and then has what it was given."""
MOST_ERROR_BYTES = 1 << 16
_CONNECTIONS = 16
_REDIRECTS = 5
_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
_MOVED = frozenset({301, 302, 303, 307, 308})
_NO_NAME = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})


@dataclass(frozen=True, kw_only=True, slots=True)
class Retries:
    """How often something is tried that fails without getting any further, and how long we wait in between."""

    attempts: int = 6
    first_pause_s: float = 0.5
    longest_pause_s: float = 120.0

    def pause_s(self, failures: int, asked_s: float | None) -> float:
        """Return the seconds to wait after so many failures; what the server asked for counts more than our own."""
        own_s = self.first_pause_s * 2.0 ** (failures - 1)
        return min(own_s if asked_s is None else max(asked_s, 0.0), self.longest_pause_s)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """A request; ``content`` is called each time that it is sent; ``scopes`` are what it needs to be let in."""

    method: str
    url: str
    scopes: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    content: Callable[[], Iterator[bytes]] | bytes | None = None


class InterruptedRequest(Exception):
    """Something failed that may work the next time; ``progressed`` if some of it was done."""

    def __init__(self, what: str, asked_pause_s: float | None = None, *, progressed: bool = False) -> None:
        super().__init__(what)
        self.what = what
        self.asked_pause_s = asked_pause_s
        self.progressed = progressed


class Transport:
    """Connections to one registry; see the module. Threads share it."""

    def __init__(
        self, host: str, places: CredentialPlaces, *, plain_http: bool = False, retries: Retries | None = None
    ) -> None:
        self.host = host
        self.retries = retries or Retries()
        self._plain_http = plain_http
        self._stopped = Event()
        own = is_loopback(host)
        self._client = httpx.Client(
            verify=trusted_certificates(places.environ),
            timeout=TIMEOUT,
            limits=httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS),
            headers={"User-Agent": f"bindery/{__version__}", "Accept-Encoding": "identity"},
            trust_env=not own,  # no proxy stands between us and our own machine
        )
        self._authenticator = Authenticator(host, places, self._fetch_token, plain_http=plain_http)
        self._base = ""
        self._base_lock = Lock()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def stop(self) -> None:
        """Make what other threads do here end soon, with an error."""
        self._stopped.set()

    @property
    def is_stopped(self) -> bool:
        """Whether what is under way shall end."""
        return self._stopped.is_set()

    def left(self) -> ToolFailed:
        """Return the error of what ends because something else failed."""
        return ToolFailed("was left, since something else failed", self.host)

    def url(self, path: str) -> str:
        """Return the URL of a path of the registry's API; the first call finds out how the registry speaks."""
        with self._base_lock:
            if not self._base:
                self._base = self.persist(self._find_base)
        return urljoin(self._base, path)

    def persist(self, attempt: Callable[[], T]) -> T:
        """Return what the attempt returns, after trying it again as often as the retries allow.

        Raises:
            ToolFailed: it was interrupted too often.

        """
        failures = 0
        while True:
            try:
                return attempt()
            except InterruptedRequest as error:
                failures = 1 if error.progressed else failures + 1
                if failures >= self.retries.attempts:
                    what = f"{error.what} (tried {failures} times)"
                    raise ToolFailed(what, self.host, "try again: what was done is not done twice") from error
                if self._stopped.wait(self.retries.pause_s(failures, error.asked_pause_s)):
                    raise self.left() from error

    @contextmanager
    def answer(self, ask: Ask) -> Iterator[httpx.Response]:
        """Yield the answer, whose body has not been read; one attempt.

        Raises:
            InterruptedRequest: the network or the server failed in a way that may pass; reading the body as well.
            ToolFailed: the registry refuses, or cannot be reached at all.

        """
        with self._transport_errors():
            response = self._send(ask)
            try:
                if response.status_code in _BUSY:
                    raise InterruptedRequest(
                        f"answers with {describe(response)}", _retry_after_s(response, time.time())
                    )
                if response.status_code == 403:
                    raise self._authenticator.refusal(ask.scopes, describe(response))
                yield response
                _drain(response)
            finally:
                response.close()

    def request(self, ask: Ask, limit_bytes: int = MOST_ERROR_BYTES) -> httpx.Response:
        """Return the answer with its body, which is not large, after as many attempts as it takes.

        Raises:
            ToolFailed: the registry refuses or failed too often.
            BadInput: the body is larger than the limit.

        """

        def attempt() -> httpx.Response:
            with self.answer(ask) as response:
                body = b"".join(_limited(response, limit_bytes, ask.url))
            return httpx.Response(response.status_code, headers=response.headers, content=body)

        return self.persist(attempt)

    def _send(self, ask: Ask) -> httpx.Response:
        url, renewed = ask.url, False
        for _ in range(_REDIRECTS + 2):
            is_ours = _origin(url) == _origin(ask.url) and _origin(url) == _origin(self._base or url)
            header = self._authenticator.header(ask.scopes) if is_ours else ""
            response = self._client.send(self._build(ask, url, header), stream=True)
            if response.status_code == 401 and is_ours:
                detail = describe(response)
                response.close()
                values = response.headers.get_list("WWW-Authenticate")
                if renewed or not self._authenticator.answer(values, ask.scopes, header):
                    raise self._authenticator.refusal(ask.scopes, detail)
                renewed = True
            elif response.status_code in _MOVED and "Location" in response.headers:
                _drain(response)
                response.close()
                url = self._moved(url, response.headers["Location"])
            else:
                return response
        raise ToolFailed(f"redirects more than {_REDIRECTS} times", self.host)

    def _build(self, ask: Ask, url: str, authorization: str) -> httpx.Request:
        headers = dict(ask.headers)
        if authorization:
            headers["Authorization"] = authorization
        content = ask.content() if callable(ask.content) else ask.content
        try:
            return self._client.build_request(ask.method, url, headers=headers, content=content)
        except httpx.InvalidURL as error:
            raise BadInput(f"names an address that is none: {url!r}", self.host) from error

    def _moved(self, url: str, location: str) -> str:
        """Return where the answer sends us.

        Raises:
            BadInput: it sends us from https to something else.

        """
        target = urljoin(url, location)
        parts = urlsplit(target)
        if parts.scheme != "https" and not (parts.scheme == "http" and urlsplit(url).scheme == "http"):
            raise BadInput(f"sends us from https to {parts.scheme}://{parts.netloc}", self.host)
        return target

    def location(self, response: httpx.Response, url: str) -> str:
        """Return the Location of an answer as an absolute URL.

        Raises:
            BadInput: it has none, or it leaves https.

        """
        if "Location" not in response.headers:
            raise BadInput(f"answers with status {response.status_code} and no Location", self.host)
        return self._moved(url, response.headers["Location"])

    def _find_base(self) -> str:
        """Return the URL of the registry, after asking whether it is one: /v2/ answers 200, or 401."""
        if self._plain_http:
            return self._ping("http")
        if not is_loopback(self.host):
            return self._ping("https")
        try:
            return self._ping("https")
        except _NoTlsError:
            return self._ping("http")

    def _ping(self, scheme: str) -> str:
        base = f"{scheme}://{self.host}"
        try:
            with self.answer(Ask(method="GET", url=f"{base}/v2/")) as response:
                if response.status_code in {200, 404}:
                    return base
                raise ToolFailed(f"is no registry: it answers to /v2/ with {describe(response)}", self.host)
        except _NoTlsError as error:
            if is_loopback(self.host):
                raise
            raise ToolFailed(error.what, self.host, "use --plain-http, if you trust the network up to it") from error

    def _fetch_token(self, wanted: TokenRequest) -> bytes | int:
        headers = {"Authorization": wanted.basic} if wanted.basic else {}
        with self._transport_errors():
            if wanted.method == "GET":
                joint = "&" if "?" in wanted.url else "?"
                response = self._client.get(f"{wanted.url}{joint}{urlencode(wanted.fields)}", headers=headers)
            else:
                response = self._client.post(wanted.url, data=dict(wanted.fields), headers=headers)
        if response.status_code in _BUSY:
            raise InterruptedRequest(
                f"its token server answers with {describe(response)}", _retry_after_s(response, time.time())
            )
        if response.status_code in {401, 403}:
            return response.status_code
        if response.status_code != 200:
            raise ToolFailed(f"its token server answers with {describe(response)}", self.host)
        return response.content

    @contextmanager
    def _transport_errors(self) -> Iterator[None]:
        try:
            yield
        except httpx.TransportError as error:
            raise self._understood(error) from error

    def _understood(self, error: httpx.TransportError) -> Exception:
        for cause in _causes(error):
            match cause:
                case ssl.SSLCertVerificationError():
                    return ToolFailed(
                        f"its certificate is not trusted: {cause.verify_message}",
                        self.host,
                        "set SSL_CERT_FILE to a file with the certificate of whoever signed it",
                    )
                case ssl.SSLError() if cause.reason in {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"}:
                    return _NoTlsError(f"does not speak TLS ({cause.reason})")
                case socket.gaierror() if cause.errno in _NO_NAME:
                    return ToolFailed("there is no host of that name", self.host)
                case _:
                    pass
        text = str(error) or type(error).__name__
        return InterruptedRequest(f"cannot be reached: {text}")


class _NoTlsError(InterruptedRequest):
    """What answers does not speak TLS."""


def describe(response: httpx.Response) -> str:
    """Return the status of an answer, and what the registry says of it, fit for a terminal."""
    found = f"status {response.status_code}"
    try:
        body = response.content if response.is_stream_consumed else b"".join(_limited(response, MOST_ERROR_BYTES, ""))
        errors = Node.of_document(body, "").nodes("errors")
        said = "; ".join(f"{one.text('code', '')}: {one.text('message', '')}" for one in errors)
    except (BadInput, httpx.HTTPError):
        said = ""
    return f"{found} ({''.join(filter(str.isprintable, said))})" if said else found


def _drain(response: httpx.Response) -> None:
    """Read what is left of a short body, so that the connection can be used again."""
    length = response.headers.get("Content-Length", "0")
    if not response.is_stream_consumed and length.isdigit() and int(length) <= MOST_ERROR_BYTES:
        for _ in response.iter_raw():
            pass


def _limited(response: httpx.Response, limit_bytes: int, where: str) -> Iterator[bytes]:
    count = 0
    for chunk in response.iter_raw():
        count += len(chunk)
        if count > limit_bytes:
            raise BadInput(f"answers with more than {limit_bytes} bytes", where)
        yield chunk


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def _retry_after_s(response: httpx.Response, now_s: float) -> float | None:
    """Return the seconds that the server asks us to wait; None if it does not, or not so that we understand."""
    value = response.headers.get("Retry-After")
    if value is None:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        return parsedate_to_datetime(value).timestamp() - now_s
    except ValueError:
        return None
