"""Names of images in registries, as people write them.

Source: OCI distribution-spec v1.1, "Pulling manifests", for names and tags. That a name without a host is Docker Hub's
is Docker's custom.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bindery.core import BadInput, Digest, WrongUse, parse_digest

if TYPE_CHECKING:
    from collections.abc import Mapping

DOCKER_HUB = "docker.io"
_API_HOSTS: Mapping[str, str] = {DOCKER_HUB: "registry-1.docker.io", "index.docker.io": "registry-1.docker.io"}
_TRANSPORT = "docker://"
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"{_PART}(?:/{_PART})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_HOST = re.compile(r"(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::[0-9]{1,5})?")
_FORM = "write HOST/NAME, HOST/NAME:TAG or HOST/NAME@sha256:DIGITS"
_LONGEST_NAME = 255


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """A repository in a registry, or, with a tag or a digest, one image in it. A digest counts more than a tag."""

    host: str
    name: str
    tag: str | None = None
    digest: Digest | None = None

    @property
    def api_host(self) -> str:
        """The host that answers; Docker Hub's has another name."""
        return _API_HOSTS.get(self.host, self.host)

    @property
    def repository(self) -> str:
        """The repository alone: ``HOST/NAME``."""
        return f"{self.host}/{self.name}"

    @property
    def wanted(self) -> str:
        """The digest, the tag, or ``latest``: what a registry is asked for."""
        return str(self.digest or self.tag or "latest")

    def tagged(self, tag: str) -> Reference:
        """Return the same repository with this tag.

        Raises:
            WrongUse: it cannot be a tag.

        """
        if not _TAG.fullmatch(tag):
            raise WrongUse(
                f"{tag!r} cannot be a tag", self.repository, "use at most 128 letters, digits, dots, - and _"
            )
        return replace(self, tag=tag, digest=None)

    def at(self, digest: Digest) -> Reference:
        """Return the same repository with this digest."""
        return replace(self, tag=None, digest=digest)

    def __str__(self) -> str:
        """Return what a person would write."""
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.repository}{tag}{f'@{self.digest}' if self.digest else ''}"


def parse_reference(text: str) -> Reference:
    """Return what the text names; ``docker://`` before it may be left out.

    Raises:
        WrongUse: the text names no image.

    """
    words = text.removeprefix(_TRANSPORT)
    head, at, digits = words.partition("@")
    digest = _digest(digits, text) if at else None
    first, slash, rest = head.partition("/")
    if slash and (first == "localhost" or any(letter in first for letter in ".:") or first != first.lower()):
        host, path = first, rest
    else:
        host, path = DOCKER_HUB, head
    name, colon, tag = path.partition(":")
    if host == DOCKER_HUB and "/" not in name:
        name = f"library/{name}"
    is_named = len(name) <= _LONGEST_NAME and _NAME.fullmatch(name)
    if not is_named or not _HOST.fullmatch(host) or (colon and not _TAG.fullmatch(tag)):
        raise WrongUse("is not the name of an image in a registry", text or "''", _FORM)
    return Reference(host=host, name=name, tag=tag or None, digest=digest)


def is_loopback(host: str) -> bool:
    """Answer whether the host, with its port or without, is this machine and nothing but this machine."""
    name = urlsplit(f"//{host}").hostname or ""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def _digest(digits: str, text: str) -> Digest:
    try:
        digest = parse_digest(digits)
    except BadInput as error:
        raise WrongUse(error.what, text, _FORM) from error
    if digest.algorithm != "sha256":
        raise WrongUse(f"{digits} is not a digest of an image", text, _FORM)
    return digest
