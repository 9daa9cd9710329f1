"""Who we are to a registry: from Docker's configuration, from its credential helpers, or from what BinderHub hands in.

Source: docker-login(1), "Credential stores" and "Credential helpers"; docker-credential-helpers, "Development"; for
``CONTAINER_ENGINE_REGISTRY_CREDENTIALS`` repo2docker's documentation of ``ContainerEngine.registry_credentials``.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bindery.core import BadInput, ToolFailed, disk_errors, run_process
from bindery.images.documents import Node

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bindery.core import Finished

HANDED_IN = "CONTAINER_ENGINE_REGISTRY_CREDENTIALS"
HELPER_LIMIT_S = 60.0
_NOT_FOUND = b"credentials not found"
_TOKEN_USER = "<token>"  # noqa: S105 - the word that says that the secret is an identity token
_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
# Docker Hub has been known by several names, and ``docker login`` writes the oldest.
_HUB_KEYS = ("https://index.docker.io/v1/", "index.docker.io", "docker.io", "registry-1.docker.io")
_HUB_HOSTS = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})

Kind = Literal["password", "identity-token", "registry-token"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Credential:
    """A user and a secret, and where they were found; the secret is never shown."""

    user: str
    secret: str = field(repr=False)
    source: str
    kind: Kind = "password"


@dataclass(frozen=True, kw_only=True, slots=True)
class CredentialPlaces:
    """Where credentials are looked for. ``environ`` is for helper programs as well, which are found on its PATH."""

    environ: Mapping[str, str]

    @property
    def config_path(self) -> Path:
        """Docker's configuration file, which need not be there."""
        chosen = self.environ.get("DOCKER_CONFIG")
        if chosen:
            return Path(chosen).expanduser() / "config.json"
        home = self.environ.get("HOME")
        return (Path(home) if home else Path.home()) / ".docker" / "config.json"

    def find(self, host: str) -> Credential | None:
        """Return the credentials for the host; None if there are none.

        Raises:
            BadInput: the configuration is damaged.
            ToolFailed: a helper program failed, or the configuration cannot be read.

        """
        return self._handed_in(host) or self._configured(host)

    def _handed_in(self, host: str) -> Credential | None:
        text = self.environ.get(HANDED_IN)
        if not text:
            return None
        node = _document(text.encode(), HANDED_IN)
        if _host_of(node.text("registry", "docker.io")) not in _same_hosts(host):
            return None
        return Credential(user=node.text("username"), secret=node.text("password"), source=HANDED_IN)

    def _configured(self, host: str) -> Credential | None:
        path = self.config_path
        try:
            with disk_errors(path):
                raw = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        node = _document(raw, str(path))
        helper = _value_for(node.inner("credHelpers"), host) or node.text("credsStore", "")
        if helper:
            found = self._ask_helper(helper, host)
            if found is not None:
                return found
        auths = node.inner("auths")
        entry = _entry_for(auths, host) if auths is not None else None
        return None if entry is None else _from_entry(entry, str(path))

    def _ask_helper(self, helper: str, host: str) -> Credential | None:
        program = f"docker-credential-{helper}"
        if not _HELPER.fullmatch(helper):
            raise BadInput(f"{helper!r} cannot be the name of a credential helper", str(self.config_path))
        for key in _HUB_KEYS[:1] if host in _HUB_HOSTS else (host, f"https://{host}"):
            answer = self._run(program, key)
            if answer.status == 0:
                # What it printed may hold a secret, so no part of it may reach an error.
                return _from_helper(answer.stdout, program)
            if _NOT_FOUND not in answer.stdout + answer.stderr:
                raise ToolFailed(
                    f"ended with status {answer.status} when asked for {host}",
                    program,
                    f"run: echo {key} | {program} get",
                )
        return None

    def _run(self, program: str, key: str) -> Finished:
        return run_process(
            [program, "get"],
            env=self.environ,
            cwd=Path.cwd(),
            timeout_s=HELPER_LIMIT_S,
            stdin=key.encode(),
            check=False,
        )


def _document(raw: bytes, where: str) -> Node:
    try:
        return Node.of_document(raw, where)
    except BadInput:
        # The parser's own words may quote what stands there.
        raise BadInput("is not a JSON object", where) from None


def _from_helper(output: bytes, program: str) -> Credential | None:
    try:
        node = Node.of_document(output, program)
        user, secret = node.text("Username"), node.text("Secret")
    except BadInput:
        raise BadInput("did not answer with a Username and a Secret", program) from None
    if not secret:
        return None
    kind: Kind = "identity-token" if user == _TOKEN_USER else "password"
    return Credential(user=user, secret=secret, source=program, kind=kind)


def _from_entry(entry: Node, path: str) -> Credential | None:
    for key, kind in (("identitytoken", "identity-token"), ("registrytoken", "registry-token")):
        if entry.text(key, ""):
            user = _decoded(entry)[0] if entry.text("auth", "") else entry.text("username", "")
            return Credential(user=user, secret=entry.text(key), source=path, kind=_KINDS[kind])
    if entry.text("auth", ""):
        user, secret = _decoded(entry)
        return Credential(user=user, secret=secret, source=path)
    user, secret = entry.text("username", ""), entry.text("password", "")
    return Credential(user=user, secret=secret, source=path) if user else None


_KINDS: Mapping[str, Kind] = {"identity-token": "identity-token", "registry-token": "registry-token"}


def _decoded(entry: Node) -> tuple[str, str]:
    try:
        text = base64.b64decode(entry.text("auth"), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        text = ""
    user, colon, secret = text.partition(":")
    if not colon:
        raise entry.error("auth", "is not the base64 of user:password")
    return user, secret.rstrip("\0")


def _value_for(node: Node | None, host: str) -> str:
    if node is None:
        return ""
    return next((node.text(key) for key in _keys(host) if node.has(key)), "")


def _entry_for(auths: Node, host: str) -> Node | None:
    exact = next((auths.inner(key) for key in _keys(host) if auths.has(key)), None)
    if exact is not None:
        return exact
    # Old clients wrote whole URLs.
    return next((auths.inner(key) for key in auths.values if auths.has(key) and _host_of(key) == host), None)


def _keys(host: str) -> tuple[str, ...]:
    return _HUB_KEYS if host in _HUB_HOSTS else (host, f"https://{host}")


def _same_hosts(host: str) -> frozenset[str]:
    return _HUB_HOSTS if host in _HUB_HOSTS else frozenset({host})


def _host_of(key: str) -> str:
    return key.removeprefix("https://").removeprefix("http://").partition("/")[0]
