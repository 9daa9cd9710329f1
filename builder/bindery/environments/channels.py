"""Channels: where they are, and where the same bytes are fetched from instead."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from posixpath import expandvars
from typing import TYPE_CHECKING

from bindery.core import BadInput, WrongUse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bindery.environments.lockfile import LockedChannel

_HOME = "https://conda.anaconda.org/"
_USER = re.compile(r"://(?P<secret>[^/@\s]+)@")
_TOKEN = re.compile(r"/t/(?P<secret>[^/\s]+)/")


@dataclass(frozen=True, kw_only=True, slots=True)
class Channel:
    """A channel as the spec writes it, its true URL, and the URL it is fetched from; both end with a slash.

    Names of environment variables in the true URL stand for secrets: they are filled in only where it is fetched from.
    """

    name: str
    url: str
    fetch_url: str


def resolve_channels(channels: Iterable[LockedChannel], mirrors: Mapping[str, str]) -> tuple[Channel, ...]:
    """Return where the channels are; ``mirrors`` is from a channel's name or URL to a folder or another URL.

    Raises:
        BadInput: a channel's name stands for several, as ``defaults`` does, or holds a password or a token itself.
        WrongUse: a mirror is given for a channel that is not asked for.

    """
    resolved = tuple(_resolve(channel.url, mirrors) for channel in channels)
    known = {key for channel in resolved for key in (channel.name, channel.url, channel.url.rstrip("/"))}
    for name in mirrors:
        if name not in known:
            names = ", ".join(channel.name for channel in resolved)
            raise WrongUse(f"there is a mirror for {name}, which is no channel of the spec", fix=f"mirror {names}")
    return resolved


def _resolve(name: str, mirrors: Mapping[str, str]) -> Channel:
    if name == "defaults":
        raise BadInput("the channel defaults stands for several", fix="name them by their URLs")
    if any("$" not in match["secret"] for match in _secrets(name)):
        raise BadInput(
            f"the channel {hide_secrets(name)} holds a secret, which a lock would make known",
            fix="write the name of an environment variable in its place, or keep it in ~/.rattler/credentials.json",
        )
    url = (name if "://" in name else _HOME + name).rstrip("/") + "/"
    mirror = mirrors.get(name) or mirrors.get(url) or mirrors.get(url.rstrip("/"))
    if mirror is None:
        return Channel(name=name, url=url, fetch_url=expandvars(url))
    fetch_url = mirror if "://" in mirror else Path(mirror).absolute().as_uri()
    return Channel(name=name, url=url, fetch_url=fetch_url.rstrip("/") + "/")


def has_secrets(url: str) -> bool:
    """Answer whether the URL holds a name with a password, or a token in conda's way."""
    return bool(_secrets(url))


def hide_secrets(text: str) -> str:
    """Return the text with stars for every secret in its URLs."""
    return _TOKEN.sub("/t/********/", _USER.sub("://********@", text))


def _secrets(url: str) -> list[re.Match[str]]:
    return [*_USER.finditer(url), *_TOKEN.finditer(url)]
