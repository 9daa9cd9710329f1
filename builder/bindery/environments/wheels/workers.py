"""Work on all cores, in processes that end when this one does."""

from __future__ import annotations

import multiprocessing
import os
import signal
from contextlib import suppress
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Generic, TypeVar

from bindery.core import BinderyError, ToolFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

Given = TypeVar("Given")
Result = TypeVar("Result")


def core_count() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def map_processes(
    function: Callable[[Given], Result], work: Sequence[Given], processes: int
) -> Iterator[tuple[Given, Result]]:
    """Yield each piece of work with its result, as they are done; pieces are begun in their order.

    The function and the pieces cross to other processes, so they must pickle.

    Raises:
        BinderyError: the first one that the function raises; nothing goes on after it.
        ToolFailed: a process was killed.

    """
    waiting = list(reversed(work))
    workers = [_Worker(function) for _ in range(min(processes, len(work)))]
    try:
        busy = {worker.connection: worker for worker in workers}
        for worker in workers:
            worker.give(waiting.pop())
        while busy:
            for connection in wait(list(busy)):
                worker = busy.pop(connection)  # type: ignore[call-overload]  # wait() forgets what it was given
                piece, result = worker.take()
                if waiting:
                    worker.give(waiting.pop())
                    busy[worker.connection] = worker
                yield piece, result
    finally:
        for worker in workers:
            worker.stop()


class _Worker(Generic[Given, Result]):
    """A process that waits for one piece of work at a time, and ends when its pipe is closed."""

    def __init__(self, function: Callable[[Given], Result]) -> None:
        # Not forked: this process has threads (progress bars, a solver), and a fork may inherit their locks.
        context = multiprocessing.get_context("spawn")
        self.connection: Connection[tuple[Given], Result | BinderyError]
        self.connection, other = context.Pipe()
        self._process: BaseProcess = context.Process(target=_serve, args=(function, other), daemon=True)
        self._process.start()
        other.close()
        self._piece: Given | None = None

    def give(self, piece: Given) -> None:
        self._piece = piece
        with suppress(BrokenPipeError):
            # A process that is gone is noticed when its answer is taken.
            self.connection.send((piece,))

    def take(self) -> tuple[Given, Result]:
        piece = self._piece
        if piece is None:
            raise RuntimeError("nothing was given")
        try:
            answer = self.connection.recv()
        except (EOFError, ConnectionResetError) as error:
            self._process.join()
            raise ToolFailed(
                f"a process that converts wheels ended with status {self._process.exitcode}",
                fix="it may have run out of memory: look into the system's log",
            ) from error
        if isinstance(answer, BinderyError):
            raise answer
        return piece, answer

    def stop(self) -> None:
        self.connection.close()
        self._process.terminate()
        self._process.join()


def _serve(function: Callable[[Given], Result], connection: Connection[Result | BinderyError, tuple[Given]]) -> None:
    # Ctrl-C reaches the whole group; the parent alone decides what becomes of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            (piece,) = connection.recv()
        except EOFError:
            return
        answer: Result | BinderyError
        try:
            answer = function(piece)
        except BinderyError as error:
            answer = error
        with suppress(BrokenPipeError):
            connection.send(answer)
