"""Servers of the tests' own on loopback, each in a thread while a context lasts."""

from __future__ import annotations

from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator
    from socketserver import BaseServer

_Server = TypeVar("_Server", bound="BaseServer")
_POLL_S = 0.02
"""How long the end of a context waits for the thread at the most."""


@contextmanager
def serving(server: _Server) -> Iterator[_Server]:
    """Let the server answer in a thread of its own while the context lasts; then its port is free again."""
    thread = Thread(target=server.serve_forever, args=(_POLL_S,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Quiet:
    """What handlers of requests put before their other bases, so that they say nothing of them on stderr."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the standard library
        """Say nothing."""
