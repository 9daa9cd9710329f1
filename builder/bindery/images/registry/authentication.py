"""From a 401 to the header that is let in: HTTP's basic scheme, or the token that a registry wants fetched elsewhere.

Source: RFC 7617; RFC 6750; distribution's "Token Authentication Specification" and "OAuth2 Token Authentication".
"""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from bindery.core import BadInput, ToolFailed
from bindery.images.documents import Node
from bindery.images.registry.challenges import Challenge, parse_challenges
from bindery.images.registry.reference import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from bindery.images.registry.credentials import Credential, CredentialPlaces

CLIENT_ID = "bindery"
SHORTEST_LIFE_S = 60.0
"""What the specification lets a client assume of a token that does not say how long it is good for."""
_SPARE_S = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenRequest:
    """What a token server is asked: the query of a GET, or the form of a POST; ``basic`` is its Authorization."""

    method: Literal["GET", "POST"]
    url: str
    fields: tuple[tuple[str, str], ...]
    basic: str = ""


@dataclass(frozen=True, slots=True)
class _Token:
    header: str
    good_until_s: float


class Authenticator:
    """Knows the header that the registry lets in. Threads share it: what one has fetched, all use.

    ``fetch`` asks a token server and returns the body of its answer, or the status if that is 401 or 403.
    """

    def __init__(
        self, host: str, places: CredentialPlaces, fetch: Callable[[TokenRequest], bytes | int], *, plain_http: bool
    ) -> None:
        self._host = host
        self._places = places
        self._fetch = fetch
        self._plain_http = plain_http
        self._lock = Lock()
        self._challenge: Challenge | None = None
        self._credential: Credential | None = None
        self._was_asked = False
        self._basic = ""
        self._tokens: dict[tuple[str, ...], _Token] = {}

    def header(self, scopes: Sequence[str]) -> str:
        """Return the value of Authorization for these scopes; empty if the registry has not asked for one.

        Raises:
            ToolFailed: the token server refuses.
            BadInput: the token server answers with something else.

        """
        with self._lock:
            if self._challenge is None or self._basic:
                return self._basic
            token = self._tokens.get(tuple(scopes))
            if token is None or token.good_until_s < time.monotonic():
                token = self._renewed(self._challenge, scopes)
            return token.header

    def answer(self, values: Iterable[str], scopes: Sequence[str], rejected: str) -> bool:
        """Answer whether there is something else to try, after the registry rejected this header (or its absence).

        Raises:
            ToolFailed: the token server refuses.
            BadInput: the registry or the token server cannot be understood.

        """
        challenges = {challenge.scheme: challenge for challenge in reversed(parse_challenges(values))}
        with self._lock:
            credential = self._known()
            if "bearer" in challenges:
                self._challenge = challenges["bearer"]
                known = self._tokens.get(tuple(scopes))
                if known is None or known.header == rejected:
                    renewed = self._renewed(challenges["bearer"], scopes)
                    # A token that was fetched for this very request, and refused, would be refused again.
                    return renewed.header != rejected
                return True
            if "basic" in challenges:
                if credential is None or credential.kind != "password":
                    return False
                self._challenge = challenges["basic"]
                self._basic = _basic(credential)
                return self._basic != rejected
        named = ", ".join(challenges) or "nothing"
        raise BadInput(f"wants to be answered with {named}, and we know Bearer and Basic", self._host)

    def refusal(self, scopes: Sequence[str], detail: str) -> ToolFailed:
        """Return the error that says who was refused, where the credentials came from, and what to do."""
        credential = self._credential
        what = _action(scopes)
        said = f": {detail}" if detail else ""
        if credential is None:
            return ToolFailed(
                f"refuses to let somebody without credentials {what}{said}",
                self._host,
                f"docker login {self._host} (looked in {self._places.config_path})",
            )
        user = f"user {credential.user}" if credential.kind == "password" else f"a token ({credential.kind})"
        return ToolFailed(
            f"refuses to let {user} {what}, with the credentials from {credential.source}{said}",
            self._host,
            f"docker login {self._host}, as somebody who may",
        )

    def _known(self) -> Credential | None:
        if not self._was_asked:
            self._credential = self._places.find(self._host)
            self._was_asked = True
        return self._credential

    def _renewed(self, challenge: Challenge, scopes: Sequence[str]) -> _Token:
        credential = self._known()
        if credential is not None and credential.kind == "registry-token":
            token = _Token(f"Bearer {credential.secret}", float("inf"))
        else:
            asked_s = time.monotonic()
            answer = self._fetch(self._request(challenge, scopes, credential))
            if isinstance(answer, int):
                raise self.refusal(scopes, f"its token server answers with status {answer}")
            token = _parse_token(answer, challenge.parameters.get("realm", ""), asked_s)
        self._tokens[tuple(scopes)] = token
        return token

    def _request(self, challenge: Challenge, scopes: Sequence[str], credential: Credential | None) -> TokenRequest:
        realm = challenge.parameters.get("realm", "")
        parts = urlsplit(realm)
        is_open = parts.scheme == "http" and (self._plain_http or is_loopback(parts.netloc))
        if not parts.netloc or (parts.scheme != "https" and not is_open):
            raise BadInput(f"sends us for a token to {realm!r}, which is not an https address", self._host)
        wanted = scopes or tuple(challenge.parameters.get("scope", "").split())
        service = challenge.parameters.get("service")
        fields = [("service", service)] if service else []
        if credential is not None and credential.kind == "identity-token":
            fields += [
                ("client_id", CLIENT_ID),
                ("grant_type", "refresh_token"),
                ("refresh_token", credential.secret),
                ("scope", " ".join(wanted)),
            ]
            return TokenRequest(method="POST", url=realm, fields=tuple(fields))
        fields += [("scope", scope) for scope in wanted]
        if credential is None:
            return TokenRequest(method="GET", url=realm, fields=tuple(fields))
        fields.append(("account", credential.user))
        return TokenRequest(method="GET", url=realm, fields=tuple(fields), basic=_basic(credential))


def _basic(credential: Credential) -> str:
    pair = f"{credential.user}:{credential.secret}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def _parse_token(answer: bytes, realm: str, asked_s: float) -> _Token:
    try:
        node = Node.of_document(answer, realm)
        token = node.text("token", "") or node.text("access_token", "")
        life_s = float(node.number("expires_in")) if node.has("expires_in") else SHORTEST_LIFE_S
    except BadInput:
        # The parser's own words may quote the token.
        raise BadInput("does not answer as a token server does", realm) from None
    if not token or not token.isprintable() or not token.isascii():
        raise BadInput("answers without a token", realm)
    return _Token(f"Bearer {token}", asked_s + max(life_s, SHORTEST_LIFE_S) - _SPARE_S)


def _action(scopes: Sequence[str]) -> str:
    if not scopes:
        return "in"
    _, name, actions = scopes[0].split(":")
    return f"{'push to' if 'push' in actions else 'pull from'} {name}"
