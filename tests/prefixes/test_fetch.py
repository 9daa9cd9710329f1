"""Archives from servers: fetched, checked, kept; a server of the tests' own."""

from __future__ import annotations

import dataclasses
import functools
import http.server
from typing import TYPE_CHECKING

import pytest
from tests.prefixes.conftest import CHANNEL, library_recipe, old_recipe
from tests.testbed.serving import Quiet, serving

from bindery.core import BadInput, NoProgress, Store, ToolFailed, digest_file
from bindery.prefixes.fetch import fetch_archives

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.prefixes.conftest import Realise

    from bindery.environments import Realised


class Server(http.server.ThreadingHTTPServer):
    """Serves a folder, and counts."""

    requests: list[str]
    failures_left: int


class Handler(Quiet, http.server.SimpleHTTPRequestHandler):
    """Fails as often as it is told to, by ending in the middle, and then serves the folder."""

    server: Server

    def do_GET(self) -> None:
        """Answer."""
        self.server.requests.append(self.path)
        if self.server.failures_left:
            self.server.failures_left -= 1
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            self.wfile.write(b"the beginning")
            self.close_connection = True
        else:
            super().do_GET()


@pytest.fixture
def server(channel: Path) -> Iterator[Server]:
    """Return a server of the channel's folder."""
    channel.mkdir(parents=True, exist_ok=True)
    made = Server(("127.0.0.1", 0), functools.partial(Handler, directory=str(channel)))
    made.requests, made.failures_left = [], 0
    with serving(made):
        yield made


@pytest.fixture
def remote(server: Server, realise_packages: Realise) -> Realised:
    """Return an environment whose channel is mirrored by the server."""
    realised = realise_packages(library_recipe(), old_recipe())
    address = f"http://127.0.0.1:{server.server_port}/"
    return dataclasses.replace(realised, mirrors={f"{CHANNEL}/": address})


def test_archives_come_through_mirrors_once(remote: Realised, server: Server, store: Store) -> None:
    first = fetch_archives(remote, store, NoProgress())
    assert {name: digest_file(path) for name, path in first.items()} == {
        package.name: package.sha256 for package in remote.installed
    }
    assert len(server.requests) == 2
    assert fetch_archives(remote, store, NoProgress()) == first
    assert len(server.requests) == 2


def test_a_connection_that_breaks_is_tried_again(remote: Realised, server: Server, store: Store) -> None:
    server.failures_left = 2
    fetch_archives(remote, store, NoProgress())
    assert len(server.requests) == 4


def test_a_server_without_the_archive_is_named(remote: Realised, server: Server, store: Store, channel: Path) -> None:
    for archive in channel.glob("*/old*"):
        archive.unlink()
    with pytest.raises(ToolFailed) as caught:
        fetch_archives(remote, store, NoProgress())
    assert str(caught.value) == (
        f"http://127.0.0.1:{server.server_port}/{remote.platform}/old-1.0-0.tar.bz2: cannot be fetched: "
        "the server answered 404\n  fix: try again, or name a mirror that answers"
    )


def test_a_mirror_with_other_bytes_is_refused(remote: Realised, store: Store, channel: Path) -> None:
    archive = next(channel.glob("*/old*"))
    right = digest_file(archive).hex
    archive.write_bytes(b"something else")
    with pytest.raises(BadInput) as caught:
        fetch_archives(remote, store, NoProgress())
    assert str(caught.value).partition(": ")[2] == (
        f"sha256 is {digest_file(archive).hex}, expected {right}\n"
        "  fix: nothing was installed; if the file was published anew, lock again"
    )
    assert not list((store.root / "archives").glob(f"{right}*"))


def test_a_package_for_pip_is_refused(remote: Realised, store: Store) -> None:
    wheel = dataclasses.replace(
        remote.lock.packages[0], name="six", manager="pip", url="https://files.invalid/six-1.17.0-py2.py3-none-any.whl"
    )
    lock = dataclasses.replace(remote.lock, packages=(*remote.lock.packages, wheel))
    with pytest.raises(BadInput) as caught:
        fetch_archives(dataclasses.replace(remote, lock=lock), store, NoProgress())
    assert str(caught.value) == (
        "https://files.invalid/six-1.17.0-py2.py3-none-any.whl: comes from pip, and a prefix is made of conda packages "
        "only: six\n  fix: take it from a channel, or use `bindery install --packages wheels`"
    )
