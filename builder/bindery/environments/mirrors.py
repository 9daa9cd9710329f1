"""Mirrors in local folders: a channel's ``repodata.json``, which may be compressed."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import zstandard

from bindery.core import BadInput, digest_file
from bindery.environments.channels import resolve_channels

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bindery.core import Store
    from bindery.environments.channels import Channel
    from bindery.environments.lockfile import Lock

_RECORDS = "repodata.json"


def fetch_mirrors(lock: Lock, mirrors: Mapping[str, str]) -> dict[str, str]:
    """Return where the lock's channels are fetched from, by their true URLs, as ``Realised.mirrors`` has it.

    ``mirrors`` is from a channel's name or URL to a folder or another URL. Secrets that a true URL leaves out are
    filled in from the environment.

    Raises:
        WrongUse: a mirror is given for a channel that the lock has not.

    """
    channels = resolve_channels(lock.channels, mirrors)
    return {channel.url: channel.fetch_url for channel in channels if channel.url != channel.fetch_url}


def with_readable_records(channel: Channel, store: Store) -> Channel:
    """Return the channel, fetched from the store if its folder has compressed records only.

    Raises:
        BadInput: the channel is to be fetched from a folder without records, or with damaged ones.

    """
    if not channel.fetch_url.startswith("file://"):
        return channel
    folder = Path(unquote(urlsplit(channel.fetch_url).path))
    packed = tuple(sorted(folder.glob(f"*/{_RECORDS}.zst")))
    if any(folder.glob(f"*/{_RECORDS}")):
        return channel
    if not packed:
        raise BadInput(f"mirrors no channel: there is no <platform>/{_RECORDS}, packed with zstd or not", str(folder))

    def unpack(work: Path) -> None:
        for path in packed:
            target = work / path.parent.name / _RECORDS
            target.parent.mkdir(parents=True)
            _unpack(path, target)

    key = hashlib.sha256("".join(f"{path.parent.name} {digest_file(path)}\n" for path in packed).encode()).hexdigest()
    unpacked = store.ensure("channel-records", key, unpack)
    return replace(channel, fetch_url=unpacked.as_uri() + "/")


def _unpack(path: Path, target: Path) -> None:
    try:
        with path.open("rb") as packed, target.open("wb") as plain:
            zstandard.ZstdDecompressor().copy_stream(packed, plain)
    except zstandard.ZstdError as error:
        raise BadInput(f"is not packed with zstd: {error}", str(path)) from error
