"""Requests to ``resident.py``, which runs in the environment under test, and its answers."""

from __future__ import annotations

import json
import queue
import threading
from collections import deque
from contextlib import suppress
from pathlib import Path
from subprocess import TimeoutExpired
from typing import IO, TYPE_CHECKING

from bindery.core import BadInput, CheckFailed, ToolFailed, start_process, stop_process

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bindery.core import Json

RESIDENT = Path(__file__).with_name("resident.py")
LAST_LINES = 20
STOP_S = 5.0


class Conversation:
    """One running ``resident.py``. Several threads may ask; they are answered one after the other.

    Raises:
        ToolFailed: the interpreter cannot be started.

    """

    def __init__(self, python: Path, environ: Mapping[str, str], folder: Path) -> None:
        # -P: the script's own folder is Bindery's, whose modules must not shadow the environment's.
        words = [str(python), "-P", "-s", str(RESIDENT)]
        self._where = f"the cluster's process ({python})"
        self._process = start_process(words, env=environ, cwd=folder)
        self._turn = threading.Lock()
        self._answers: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._errors: deque[str] = deque(maxlen=LAST_LINES)
        self._readers = [
            threading.Thread(target=self._read_answers, args=(self._process.stdout,), daemon=True),
            threading.Thread(target=self._read_errors, args=(self._process.stderr,), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    @property
    def pid(self) -> int:
        """The process, which leads a group of its own."""
        return self._process.pid

    def ask(self, request: dict[str, Json], limit_s: float) -> Json:
        """Return the answer.

        Raises:
            ToolFailed: it refused, it ended, or it took longer than the limit.
            BadInput: the environment lacks what the request needs.
            CheckFailed: what was checked on the way does not hold.

        """
        verb = request["do"]
        with self._turn:
            self._send(request)
            try:
                line = self._answers.get(timeout=limit_s)
            except queue.Empty:
                raise ToolFailed(f"{verb} took longer than {limit_s:g} s{self._last_lines()}", self._where) from None
        if line is None:
            status = self._process.wait()
            self._readers[1].join(STOP_S)
            raise ToolFailed(f"{verb}: it ended with status {status}{self._last_lines()}", self._where)
        reply: dict[str, Json] = json.loads(line)
        if "kind" in reply:
            error = {"check": CheckFailed, "input": BadInput}.get(str(reply["kind"]), ToolFailed)
            raise error(str(reply["error"]), str(reply["where"]), str(reply["fix"]))
        if "error" in reply:
            raise ToolFailed(f"{verb}: {reply['error']}{self._last_lines()}", self._where)
        return reply["ok"]

    def close(self, ending_s: float = 0.0) -> None:
        """End the process and everything that it started. May be called again.

        ``ending_s`` is how long it may take to end by itself.
        """
        if self._process.stdin is not None and not self._process.stdin.closed:
            with suppress(BrokenPipeError):
                self._process.stdin.close()  # it kills its group when its stdin ends
        if ending_s:
            with suppress(TimeoutExpired):
                self._process.wait(ending_s)
        stop_process(self._process, STOP_S)
        for reader in self._readers:
            reader.join(STOP_S)

    def _send(self, request: dict[str, Json]) -> None:
        stdin = self._process.stdin
        # Where it is gone, or was closed, the missing answer says so.
        with suppress(BrokenPipeError, ValueError):
            if stdin is not None:
                stdin.write(json.dumps(request).encode() + b"\n")
                stdin.flush()

    def _read_answers(self, stream: IO[bytes]) -> None:
        with suppress(ValueError):  # closed while we were reading
            for line in stream:
                self._answers.put(line)
        self._answers.put(None)

    def _read_errors(self, stream: IO[bytes]) -> None:
        with suppress(ValueError):
            for line in stream:
                self._errors.append(line.decode(errors="replace").rstrip())

    def _last_lines(self) -> str:
        return "".join(f"\n  | {line}" for line in self._errors)
