"""Channels: where they are, and where the same bytes are fetched from instead."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from posixpath import expandvars
from typing import TYPE_CHECKING

from bindery.core import BadInput, WrongUse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bindery.environments.lockfile import LockedChannel

_HOME = "https://conda.anaconda.org/"


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
        BadInput: a channel's name stands for several, as ``defaults`` does.
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
    url = (name if "://" in name else _HOME + name).rstrip("/") + "/"
    mirror = mirrors.get(name) or mirrors.get(url) or mirrors.get(url.rstrip("/"))
    if mirror is None:
        return Channel(name=name, url=url, fetch_url=expandvars(url))
    fetch_url = mirror if "://" in mirror else Path(mirror).absolute().as_uri()
    return Channel(name=name, url=url, fetch_url=fetch_url.rstrip("/") + "/")
