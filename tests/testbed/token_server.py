"""A token server for the registry of the test bed: it checks a password or a refresh token, and signs what is allowed.

Source: distribution's "Token Authentication Implementation" and "OAuth2 Token Authentication".
"""

from __future__ import annotations

import base64
import json
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from tests.testbed.registry import PASSWORD, USER
from tests.testbed.serving import Quiet, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.testbed.certificates import Certificates

REFRESH_TOKEN = "refresh me"  # noqa: S105 - of registries that live for one test


@dataclass(kw_only=True, slots=True)
class TokenServer:
    """A token server that runs. ``asked`` are the fields of each request, and who sent it ("" for anybody).

    ``life_s`` is how long tokens are good for; ``public`` is what anybody may pull. ``answers`` are sent first, each
    once, instead of what is right: a status and a body.
    """

    realm: str
    life_s: int = 300
    public: str = "public/"
    asked: list[tuple[str, str, tuple[tuple[str, str], ...]]] = field(default_factory=list)
    answers: list[tuple[int, bytes]] = field(default_factory=list)


@contextmanager
def run_token_server(certificates: Certificates) -> Iterator[TokenServer]:
    """Run a token server whose tokens are good wherever the certificate is trusted."""
    server = _Server(("127.0.0.1", 0), _Handler)
    key = serialization.load_pem_private_key(certificates.key.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    server.key, server.certificate = key, certificates.certificate.read_bytes()
    server.state = TokenServer(realm=f"http://127.0.0.1:{server.server_address[1]}/token")
    with serving(server):
        yield server.state


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    key: ec.EllipticCurvePrivateKey
    certificate: bytes
    state: TokenServer


class _Handler(Quiet, BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        """Answer who has a password, or nobody."""
        fields = tuple(parse_qsl(urlsplit(self.path).query))
        kind, _, text = self.headers.get("Authorization", "").partition(" ")
        user, _, password = base64.b64decode(text).decode().partition(":") if kind == "Basic" else ("", "", "")
        self._answer(user, fields, is_known=not user or (user, password) == (USER, PASSWORD))

    def do_POST(self) -> None:
        """Answer who has a refresh token."""
        fields = tuple(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        token = dict(fields).get("refresh_token")
        self._answer(USER, fields, is_known=token == REFRESH_TOKEN)

    def _answer(self, user: str, fields: tuple[tuple[str, str], ...], *, is_known: bool) -> None:
        state = self.server.state
        state.asked.append((self.command, user, fields))
        if state.answers:
            self._send(*state.answers.pop(0))
        elif not is_known:
            self._send(401, b'{"details": "incorrect username or password"}')
        else:
            scopes = [scope for name, value in fields if name == "scope" for scope in value.split()]
            token = self._sign(user, [found for scope in scopes if (found := self._allowed(user, scope))])
            self._send(200, json.dumps({"token": token, "expires_in": state.life_s}).encode())

    def _allowed(self, user: str, scope: str) -> dict[str, object] | None:
        kind, name, actions = scope.split(":")
        wanted = actions.split(",")
        if user != USER:
            wanted = [action for action in wanted if action == "pull" and name.startswith(self.server.state.public)]
        return {"type": kind, "name": name, "actions": wanted} if wanted else None

    def _sign(self, user: str, access: list[dict[str, object]]) -> str:
        now = int(time.time())
        chain = x509.load_pem_x509_certificate(self.server.certificate).public_bytes(serialization.Encoding.DER)
        header = {"typ": "JWT", "alg": "ES256", "x5c": [base64.b64encode(chain).decode()]}
        claims = {
            "iss": "the test",
            "sub": user,
            "aud": "the test's registry",
            "exp": now + self.server.state.life_s,
            "nbf": now - 10,
            "iat": now,
            "jti": str(time.monotonic_ns()),
            "access": access,
        }
        signed = f"{_base64(json.dumps(header).encode())}.{_base64(json.dumps(claims).encode())}"
        r, s = decode_dss_signature(self.server.key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{_base64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
