from __future__ import annotations

from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, ClassVar

import pytest
from tests.testbed.serving import Quiet, serving

from bindery.core import Digest, NoProgress, WrongUse, digest_bytes
from bindery.environments import Lock, LockedChannel, LockedPackage
from bindery.environments.urls import find_silent_urls

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TRUE = "https://conda.anaconda.org/conda-forge"


class Channel(Quiet, BaseHTTPRequestHandler):
    """Answers as the name of the asked package says."""

    protocol_version = "HTTP/1.1"
    asked: ClassVar[Counter[str]] = Counter()

    def do_HEAD(self) -> None:
        name = self.path.rpartition("/")[2].partition("-")[0]
        self.asked[f"{self.command} {name}"] += 1
        status = {"gone": 404, "broken": 500, "getonly": 405, "moved": 302}.get(name, 200)
        if name == "busy" and self.asked["HEAD busy"] == 1:
            status = 503
        if name == "getonly" and self.command == "GET":
            status = 206
        if name == "silent":
            self.close_connection = True
            return
        self.send_response(status)
        if status == 302:
            self.send_header("Location", self.path.replace("moved", "fine"))
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD  # noqa: N815 - the name that http.server looks for


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return the URL of a channel on this machine, asked without pauses and past any proxy."""
    monkeypatch.setattr("bindery.environments.urls._PAUSE_S", 0.0)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    Channel.asked.clear()
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Channel)) as running:
        yield f"http://127.0.0.1:{running.server_port}/mirror"


def lock_of(*names: str) -> Lock:
    packages = tuple(
        LockedPackage(
            name=name,
            version="1",
            manager="conda",
            platform=platform,
            url=f"{TRUE}/noarch/{name}-1-0.conda",
            md5=Digest("md5", "0" * 32),
            sha256=digest_bytes(name.encode()),
        )
        for name in names
        for platform in ("linux-64", "osx-64")
    )
    return Lock(
        packages=packages,
        content_hash=(),
        channels=(LockedChannel(url="conda-forge"),),
        platforms=("linux-64", "osx-64"),
        sources=(),
    )


def test_urls_that_do_not_answer_are_found(server: str) -> None:
    lock = lock_of("fine", "gone", "busy", "broken", "getonly", "moved", "silent")
    found = find_silent_urls(lock, {"conda-forge": server}, NoProgress())
    assert [(one.url, one.packages, one.what) for one in found] == [
        (f"{TRUE}/noarch/gone-1-0.conda", ("gone 1",), "answers with status 404"),
        (f"{TRUE}/noarch/broken-1-0.conda", ("broken 1",), "answers with status 500"),
        (f"{TRUE}/noarch/silent-1-0.conda", ("silent 1",), "cannot be reached (RemoteProtocolError)"),
    ]
    asked = Channel.asked
    assert (asked["HEAD gone"], asked["HEAD busy"], asked["HEAD broken"], asked["GET getonly"]) == (1, 2, 3, 1)


def test_each_url_is_asked_for_once(server: str) -> None:
    names = [f"p{index}" for index in range(100)]
    assert find_silent_urls(lock_of(*names), {"conda-forge": server}, NoProgress()) == ()
    assert Channel.asked == Counter({f"HEAD {name}": 1 for name in names})


def test_folder_as_mirror(tmp_path: Path) -> None:
    (tmp_path / "noarch").mkdir()
    (tmp_path / "noarch" / "here-1-0.conda").touch()
    (found,) = find_silent_urls(lock_of("here", "gone"), {"conda-forge": str(tmp_path)}, NoProgress())
    assert (found.packages, found.what) == (("gone 1",), "is not in the mirror")


def test_mirror_of_another_channel_is_refused() -> None:
    with pytest.raises(WrongUse) as caught:
        find_silent_urls(lock_of("fine"), {"bioconda": "/x"}, NoProgress())
    assert str(caught.value) == (
        "there is a mirror for bioconda, which is no channel of the spec\n  fix: mirror conda-forge"
    )
