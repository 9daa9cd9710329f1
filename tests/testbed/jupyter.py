"""A Jupyter server's API, as its own front end uses it: contents, sessions, and a kernel's messages."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

if TYPE_CHECKING:
    from collections.abc import Iterator

START_LIMIT_S = 120.0
EXECUTION_LIMIT_S = 120.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Jupyter:
    """A server at ``url``, which ends with a slash, that lets the token in."""

    url: str
    token: str

    def client(self, *, with_token: bool = True) -> httpx.Client:
        """Return a client of the server."""
        headers = {"Authorization": f"token {self.token}"} if with_token else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60)

    def wait(self) -> None:
        """Return once it answers."""
        end_s = time.monotonic() + START_LIMIT_S
        with self.client() as client:
            while True:
                try:
                    if client.get("api/status").status_code == 200:
                        return
                except httpx.TransportError:
                    pass
                assert time.monotonic() < end_s, f"{self.url} does not answer"
                time.sleep(0.1)

    @contextmanager
    def kernel(self) -> Iterator[str]:
        """Yield the id of a new kernel, which ends with the context."""
        with self.client() as client:
            started = client.post("api/kernels", json={"name": "python3"})
            assert started.status_code == 201, started.text
            kernel: str = started.json()["id"]
            try:
                yield kernel
            finally:
                client.delete(f"api/kernels/{kernel}")

    def execute(self, kernel: str, code: str) -> str:
        """Return what the code printed.

        Raises:
            AssertionError: it raised something.

        """
        return asyncio.run(asyncio.wait_for(self._execute(kernel, code), EXECUTION_LIMIT_S))

    def execute_notebook(self, path: str) -> list[str]:
        """Return what the notebook's code cells printed, one after the other in one kernel."""
        with self.client() as client, self.kernel() as kernel:
            content = client.get(f"api/contents/{path}").json()["content"]
            sources = [cell["source"] for cell in content["cells"] if cell["cell_type"] == "code"]
            return [self.execute(kernel, source) for source in sources]

    async def _execute(self, kernel: str, code: str) -> str:
        address = f"{self.url.replace('http', 'ws', 1)}api/kernels/{kernel}/channels"
        request = HTTPRequest(address, headers={"Authorization": f"token {self.token}"})
        socket = await websocket_connect(request)
        message = uuid.uuid4().hex
        header = {
            "msg_id": message,
            "msg_type": "execute_request",
            "username": "",
            "session": message,
            "version": "5.3",
        }
        content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False}
        await socket.write_message(
            json.dumps({"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"})
        )
        printed = []
        try:
            while True:
                received = await socket.read_message()
                assert received is not None, "the kernel's channel was closed"
                answer = json.loads(received)
                if answer["parent_header"].get("msg_id") != message:
                    continue
                kind, content = answer["msg_type"], answer["content"]
                assert kind != "error", "\n".join(content["traceback"])
                if kind == "stream" and content["name"] == "stdout":
                    printed.append(content["text"])
                if kind == "status" and content["execution_state"] == "idle":
                    return "".join(printed)
        finally:
            socket.close()
            # The connection is gone when there is nothing more to read.
            while await socket.read_message() is not None:
                pass
