"""A proxy on loopback in front of a real server, which does wrong what it is told to, and notes what passes.

proxy.faults.append(Fault(method="GET", path="/blobs/", status=500, times=2))
"""

from __future__ import annotations

import re
import socket
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import TYPE_CHECKING

from tests.testbed.serving import Quiet, serving

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from io import BufferedIOBase

_PIECE_BYTES = 16384
_OF_ONE_HOP = frozenset({"connection", "transfer-encoding", "keep-alive"})


@dataclass(kw_only=True, slots=True)
class Fault:
    """What goes wrong with the requests whose method and path (a pattern, with the query) match.

    ``status`` answers without asking the server. ``cut_request`` and ``cut_answer`` end the connection after so many
    bytes of a body. ``body`` is sent instead of the server's, ``append`` after it, ``flip`` damages the byte with this
    number. ``drop`` are headers of the answer that are left out. ``headers`` are added to the answer. ``chunked`` does
    not say how long the body is.
    """

    method: str = ""
    path: str = ""
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    append: bytes = b""
    flip: int | None = None
    cut_request: int | None = None
    cut_answer: int | None = None
    drop: tuple[str, ...] = ()
    chunked: bool = False
    times: int = 1
    after: int = 0

    def take(self, method: str, path: str) -> bool:
        """Answer whether it is this fault's turn."""
        if not re.fullmatch(self.method or ".*", method) or not re.search(self.path, path):
            return False
        if self.after:
            self.after -= 1
            return False
        if not self.times:
            return False
        self.times -= 1
        return True


@dataclass(frozen=True, kw_only=True, slots=True)
class Passed:
    """A request that came: ``sent_bytes`` of its body reached the proxy."""

    method: str
    path: str
    connection: tuple[str, int]
    headers: Mapping[str, str]
    status: int
    sent_bytes: int


@dataclass(kw_only=True, slots=True)
class FaultProxy:
    """A proxy that runs: what will go wrong, in this order, and what has passed."""

    host: str
    faults: list[Fault] = field(default_factory=list)
    passed: list[Passed] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def count(self, method: str, path: str) -> int:
        """Return how many requests with this method came, whose path the pattern is found in."""
        return sum(one.method == method and bool(re.search(path, one.path)) for one in self.passed)


@contextmanager
def run_fault_proxy(upstream: str) -> Iterator[FaultProxy]:
    """Run a proxy in front of ``upstream`` (host:port, plain HTTP) while the context lasts."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.upstream = upstream
    server.proxy = FaultProxy(host=f"127.0.0.1:{server.server_address[1]}")
    with serving(server):
        yield server.proxy


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    upstream: str
    proxy: FaultProxy


class _CutError(Exception):
    """The connection ends here."""


class _Handler(Quiet, BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    disable_nagle_algorithm = True

    def handle_one_request(self) -> None:
        """Answer one request, whatever its method."""
        try:
            line = self.rfile.readline(65537)
            self.raw_requestline = line
            if not line or not self.parse_request():
                self.close_connection = True
                return
            self._forward()
        except (_CutError, OSError):
            self.close_connection = True
            self.connection.close()

    def _forward(self) -> None:
        fault = self._fault()
        body = _Body(self.rfile, int(self.headers.get("Content-Length", "0")), fault.cut_request)
        try:
            if fault.status:
                body.drain()
                self._note(fault.status, body)
                self._send(fault.status, dict(fault.headers), fault.body or b"")
            else:
                self._ask(body, fault)
        except _CutError:
            if body.is_cut:
                self._note(0, body)
            raise

    def _note(self, status: int, body: _Body) -> None:
        """Remember the request, before its answer is sent: whoever has the answer finds it here."""
        passed = Passed(
            method=self.command,
            path=self.path,
            connection=self.client_address,
            headers=dict(self.headers),
            status=status,
            sent_bytes=body.taken,
        )
        with self.server.proxy.lock:
            self.server.proxy.passed.append(passed)

    def _fault(self) -> Fault:
        with self.server.proxy.lock:
            for fault in self.server.proxy.faults:
                if fault.take(self.command, self.path):
                    return fault
        return Fault()

    def _ask(self, body: _Body, fault: Fault) -> None:
        host, _, port = self.server.upstream.partition(":")
        connection = HTTPConnection(host, int(port))
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in _OF_ONE_HOP:
                    connection.putheader(name, value)
            connection.endheaders()
            try:
                while piece := body.read(_PIECE_BYTES):
                    connection.send(piece)
            except BrokenPipeError:
                pass  # the server has answered already
            answer = connection.getresponse()
            self._note(answer.status, body)
            self._pass_back(answer, fault)
        finally:
            connection.close()

    def _pass_back(self, answer: HTTPResponse, fault: Fault) -> None:
        left_out = {name.lower() for name in fault.drop} | _OF_ONE_HOP
        headers = {name: value for name, value in answer.getheaders() if name.lower() not in left_out}
        headers |= fault.headers
        if self.command == "HEAD":
            self._send(answer.status, headers, None)
            return
        data = bytearray(fault.body if fault.body is not None else answer.read())
        if fault.flip is not None:
            data[fault.flip] ^= 0xFF
        data += fault.append
        if fault.chunked:
            headers.pop("Content-Length", None)
            self._send_chunked(answer.status, headers, bytes(data))
        else:
            self._send(answer.status, headers, bytes(data), fault.cut_answer)

    def _send(self, status: int, headers: dict[str, str], data: bytes | None, cut: int | None = None) -> None:
        """Answer; ``data`` is None if the headers say how long the body would be."""
        self._send_head(status, headers if data is None else {**headers, "Content-Length": str(len(data))})
        if self.command == "HEAD" or data is None:
            return
        self.wfile.write(data if cut is None else data[:cut])
        if cut is not None:
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            raise _CutError

    def _send_chunked(self, status: int, headers: dict[str, str], data: bytes) -> None:
        self._send_head(status, {**headers, "Transfer-Encoding": "chunked"})
        if data:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        self.wfile.write(b"0\r\n\r\n")

    def _send_head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


class _Body:
    """The request's body; ends the connection when it has given ``cut`` bytes."""

    def __init__(self, stream: BufferedIOBase, length: int, cut: int | None) -> None:
        self._stream, self._left, self._cut = stream, length, cut
        self.taken = 0
        self.is_cut = False

    def read(self, size: int) -> bytes:
        if self._cut is not None:
            if self.taken >= self._cut:
                self.is_cut = True
                raise _CutError
            size = min(size, self._cut - self.taken)
        data = self._stream.read(min(size, self._left))
        self._left -= len(data)
        self.taken += len(data)
        return data

    def drain(self) -> None:
        while self.read(_PIECE_BYTES):
            pass
