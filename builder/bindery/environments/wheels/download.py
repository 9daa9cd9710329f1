"""Wheels, fetched into the store: several at once, resumed after a kill, and kept only if their hash is right."""

from __future__ import annotations

import hashlib
import ssl
import threading
import time
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from bindery.core import CHUNK_BYTES, BadInput, ToolFailed

if TYPE_CHECKING:
    import hashlib as _hashlib
    from collections.abc import Callable, Iterator, Sequence

    import httpx

    from bindery.core import Progress, Store, Task
    from bindery.environments.wheels.uv import Wheel

KIND = "wheels"
AT_ONCE = 8
ATTEMPTS = 5
_FIRST_WAIT_S = 0.5
_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})


class _Stopped(Exception):
    """Another download failed, or the user pressed Ctrl-C."""


class _Retry(Exception):
    """The server is busy, or the connection broke."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Fetch:
    client: httpx.Client
    store: Store
    task: Task
    pause: Callable[[float], None]
    stop: threading.Event = field(default_factory=threading.Event)
    counting: threading.Lock = field(default_factory=threading.Lock)

    def count(self, amount: int) -> None:
        if self.stop.is_set():
            raise _Stopped
        with self.counting:
            self.task.advance(amount)


def fetch_wheels(
    wheels: Sequence[Wheel], store: Store, progress: Progress, pause: Callable[[float], None] = time.sleep
) -> None:
    """Leave every wheel in the store, under its hash, read-only. The largest are begun first.

    Raises:
        BadInput: a server sent other bytes than the pins name; these are not kept.
        ToolFailed: a server did not answer, or the disk is full.

    """
    # httpx and its TLS take longer to import than a channel that is there takes to be found.
    import httpx  # noqa: PLC0415

    ordered = sorted(wheels, key=lambda wheel: -(wheel.size_bytes or 0))
    sizes = [wheel.size_bytes for wheel in wheels]
    total = None if None in sizes else sum(size or 0 for size in sizes)
    limits = httpx.Limits(max_connections=AT_ONCE)
    timeout = httpx.Timeout(20.0)
    with (
        progress.task("fetch wheels", total, "bytes") as task,
        httpx.Client(verify=_trust(), timeout=timeout, limits=limits, follow_redirects=True) as client,
        ThreadPoolExecutor(AT_ONCE, thread_name_prefix="fetch") as pool,
    ):
        fetch = _Fetch(client=client, store=store, task=task, pause=pause)
        try:
            futures = [pool.submit(_ensure, fetch, wheel) for wheel in ordered]
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            for future in done:
                if future.exception() is not None:
                    fetch.stop.set()
            for future in (future for future in done if not isinstance(future.exception(), _Stopped)):
                future.result()
        finally:
            fetch.stop.set()
            pool.shutdown(cancel_futures=True)


def _trust() -> ssl.SSLContext:
    """Return the authorities of this machine, and those that Python's packages bring, for machines without any."""
    import certifi  # noqa: PLC0415

    context = ssl.create_default_context()
    if not context.get_ca_certs():
        context.load_verify_locations(certifi.where())
    return context


def _ensure(fetch: _Fetch, wheel: Wheel) -> None:
    part = fetch.store.path(KIND, wheel.pin.digest.hex).parent / ".parts" / f"{wheel.pin.digest.hex}.part"

    def build(work: Path) -> None:
        part.parent.mkdir(parents=True, exist_ok=True)
        _fetch(fetch, wheel, part)
        part.chmod(0o444)
        part.rename(work)

    fetch.store.ensure(KIND, wheel.pin.digest.hex, build)


def _fetch(fetch: _Fetch, wheel: Wheel, part: Path) -> None:
    resumed = part.exists()
    for attempt in range(ATTEMPTS):
        fetch.count(0)
        try:
            found = _attempt(fetch, wheel, part)
        except _Retry as error:
            if attempt + 1 == ATTEMPTS:
                raise ToolFailed(
                    f"{error} ({ATTEMPTS} times)", wheel.url, "run it again: what has arrived is kept"
                ) from error.__cause__
            fetch.pause(_FIRST_WAIT_S * 2**attempt)
            resumed = part.exists()
            continue
        if found == wheel.pin.digest.hex:
            return
        part.unlink()
        if not resumed:
            raise BadInput(
                f"sha256 is {found}, but {wheel.pin} is pinned to {wheel.pin.digest.hex}",
                wheel.file_name,
                "what was sent is not the pinned wheel: find out why before you change the pin",
            )
        # What an earlier process left may have been damaged: once more, from nothing.
        resumed = False
    raise ToolFailed(f"was damaged on its way {ATTEMPTS} times", wheel.url)


def _attempt(fetch: _Fetch, wheel: Wheel, part: Path) -> str:
    """Return the SHA-256 of what has arrived, in hexadecimal."""
    state = hashlib.sha256()
    if part.exists():
        with part.open("rb") as stream:
            while chunk := stream.read(CHUNK_BYTES):
                state.update(chunk)
    url = urlsplit(wheel.url)
    if url.scheme == "file":
        part.unlink(missing_ok=True)
        return _copy(fetch, Path(unquote(url.path)), part)
    return _download(fetch, wheel, part, state)


def _copy(fetch: _Fetch, source: Path, part: Path) -> str:
    state = hashlib.sha256()
    try:
        stream = source.open("rb")
    except OSError as error:
        raise ToolFailed(f"cannot be read: {error.strerror}", str(source)) from error
    with stream, part.open("wb") as sink:
        while chunk := stream.read(CHUNK_BYTES):
            sink.write(chunk)
            state.update(chunk)
            fetch.count(len(chunk))
    return state.hexdigest()


def _download(fetch: _Fetch, wheel: Wheel, part: Path, state: _hashlib._Hash) -> str:
    import httpx  # noqa: PLC0415

    have = part.stat().st_size if part.exists() else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    try:
        with fetch.client.stream("GET", wheel.url, headers=headers) as response:
            if response.status_code in _BUSY:
                raise _Retry(f"the server answered {response.status_code}")
            if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                # All of it is here already, or more than all: the hash will tell.
                return state.hexdigest()
            if response.is_error:
                raise ToolFailed(f"the server answered {response.status_code}", wheel.url)
            if response.status_code != httpx.codes.PARTIAL_CONTENT:
                have, state = 0, hashlib.sha256()
            if have:
                fetch.count(have)
            _append(fetch, response.iter_raw(), part, have, state)
    except httpx.TransportError as error:
        raise _Retry(f"the connection broke: {error or type(error).__name__}") from error
    return state.hexdigest()


def _append(fetch: _Fetch, chunks: Iterator[bytes], part: Path, have: int, state: _hashlib._Hash) -> None:
    with part.open("ab" if have else "wb") as sink:
        for chunk in chunks:
            sink.write(chunk)
            state.update(chunk)
            fetch.count(len(chunk))
