"""Whether the URLs of a lock answer."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from posixpath import expandvars
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from bindery.environments.channels import resolve_channels

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

    from bindery.core import Progress
    from bindery.environments.lockfile import Lock

WORKERS = 16
TIMEOUT_S = 30.0
ATTEMPTS = 3
_PAUSE_S = 0.5
_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
_NO_HEAD = frozenset({405, 501})


@dataclass(frozen=True, kw_only=True, slots=True)
class SilentUrl:
    """A URL of the lock that does not answer, the packages it is of, and what it said instead."""

    url: str
    packages: tuple[str, ...]
    what: str


def find_silent_urls(lock: Lock, mirrors: Mapping[str, str], progress: Progress) -> tuple[SilentUrl, ...]:
    """Return the URLs that do not answer, in the order of the lock, after asking each for its headers.

    ``mirrors`` are from a channel's name or URL to a folder or URL with the same bytes.

    Raises:
        WrongUse: a mirror is given for a channel that is not of the lock.

    """
    # Most commands do without, and it takes as long to import as they take to run.
    import httpx  # noqa: PLC0415

    channels = [channel for channel in resolve_channels(lock.channels, mirrors) if channel.url != channel.fetch_url]
    packages: dict[str, list[str]] = {}
    for package in lock.packages:
        label = f"{package.name} {package.version}"
        if label not in packages.setdefault(package.url, []):
            packages[package.url].append(label)

    def fetch_url(url: str) -> str:
        for channel in channels:
            if url.startswith(channel.url):
                return channel.fetch_url + url.removeprefix(channel.url)
        return expandvars(url)

    limits = httpx.Limits(max_connections=WORKERS, max_keepalive_connections=WORKERS)
    with (
        progress.task("Asking for packages", len(packages), "packages") as task,
        httpx.Client(follow_redirects=True, timeout=TIMEOUT_S, limits=limits) as client,
        ThreadPoolExecutor(WORKERS) as pool,
    ):
        found: list[SilentUrl] = []
        answers = pool.map(lambda url: _ask(client, fetch_url(url)), packages)
        for url, what in zip(packages, answers, strict=True):
            task.advance()
            if what:
                found.append(SilentUrl(url=url, packages=tuple(packages[url]), what=what))
    return tuple(found)


def _ask(client: httpx.Client, url: str) -> str:
    """Return what is wrong with the answer; empty if nothing is."""
    if url.startswith("file://"):
        return "" if Path(unquote(urlsplit(url).path)).is_file() else "is not in the mirror"
    what = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(_PAUSE_S * 2**attempt)
        what, is_final = _ask_once(client, url)
        if is_final:
            break
    return what


def _ask_once(client: httpx.Client, url: str) -> tuple[str, bool]:
    import httpx  # noqa: PLC0415 - imported by now

    try:
        status = client.head(url).status_code
        if status in _NO_HEAD:
            with client.stream("GET", url, headers={"Range": "bytes=0-0"}) as response:
                status = response.status_code
    except httpx.InvalidURL:
        return "is no URL", True
    except httpx.TimeoutException:
        return "does not answer in time", False
    except httpx.HTTPError as error:
        # The kind alone: an address with a secret in it may be part of the text.
        return f"cannot be reached ({type(error).__name__})", False
    if status < 400:
        return "", True
    return f"answers with status {status}", status not in _BUSY
