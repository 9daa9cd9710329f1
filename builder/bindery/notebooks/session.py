"""One notebook on one kernel: papermill's engine, with a limit for the whole notebook and a kernel of our own."""

from __future__ import annotations

import asyncio
import copy
import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from jupyter_core.utils import ensure_event_loop
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient  # type: ignore[import-untyped]
from papermill.engines import Engine, NotebookExecutionManager, papermill_engines  # type: ignore[import-untyped]

from bindery.notebooks.kernels import (
    KernelPlace,
    describe_status,
    hold_leash,
    kill_kernel,
    last_lines,
    make_manager,
    read_status,
)
from bindery.notebooks.results import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbformat import NotebookNode

ENGINE = "bindery"
KERNEL_START_S = 120  # on a machine with more work than cores
OUTPUT_LAG_S = 30  # between a cell's reply and the last of its outputs, on a busy machine
OVERDUE_S = 5.0
STATUS_WAIT_S = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """How the kernel's part ended. ``outcome`` is ``PASSED`` where no cell was left out for the kernel's sake."""

    outcome: Outcome
    message: str


# What nbclient says beside its exceptions is in the exceptions, too.
LOG = logging.getLogger("bindery.notebooks")
LOG.addHandler(logging.NullHandler())


class Session:
    """Executes one notebook once. ``kill`` may be called from any other thread."""

    def __init__(self, place: KernelPlace, limit_s: float, cell_done: Callable[[int], None]) -> None:
        self._place = place
        self._limit_s = limit_s
        self._cell_done = cell_done
        self._manager = make_manager(place)
        self._overdue = False
        self._deadline_s = 0.0
        self.executed: NotebookNode | None = None
        self.ending = Ending(outcome=Outcome.NOT_RUN, message="was not executed")

    def kill(self) -> None:
        """Kill the kernel now, and everything that it started."""
        kill_kernel(self._manager)

    def run(self, notebook: NotebookExecutionManager) -> None:
        """Execute the cells; how that ended is in ``ending`` and what they gave in ``executed``."""
        self._deadline_s = time.monotonic() + self._limit_s
        # Whatever hangs where nobody looks at the clock, such as a kernel that does not come up, ends here.
        watchdog = threading.Timer(self._limit_s + OVERDUE_S, self._end_overdue)
        watchdog.daemon = True
        watchdog.start()
        try:
            self.ending = self._execute(notebook)
        finally:
            watchdog.cancel()
            self.kill()
            _close_loop()
            # papermill adds cells of its own to a notebook that raised.
            self.executed = copy.deepcopy(notebook.nb)

    def _execute(self, notebook: NotebookExecutionManager) -> Ending:
        client = PapermillNotebookClient(
            notebook,
            km=self._manager,
            kernel_name="python3",
            timeout=max(1, round(self._limit_s)),
            timeout_func=lambda _: max(0.001, self._deadline_s - time.monotonic()),
            startup_timeout=KERNEL_START_S,
            iopub_timeout=OUTPUT_LAG_S,
            shutdown_kernel="immediate",
            on_cell_executed=self._count_cell,
            log=LOG,
        )
        try:
            with hold_leash() as leash, self._place.errors.open("wb") as errors:
                client.execute(
                    cleanup_kc=True,
                    cwd=str(self._place.cwd),
                    env=dict(self._place.environ),
                    stdin=leash,
                    stdout=errors,
                    stderr=errors,
                )
        except CellTimeoutError as error:
            if "IOPub" in str(error):
                return Ending(outcome=Outcome.TIMED_OUT, message=f"a cell's output did not come in {OUTPUT_LAG_S} s")
            return self._timed_out()
        except (DeadKernelError, RuntimeError) as error:
            return self._timed_out() if self._overdue else self._died(error)
        return Ending(outcome=Outcome.PASSED, message="")

    def _count_cell(self, cell: NotebookNode, cell_index: int, execute_reply: object) -> None:
        del cell, execute_reply
        self._cell_done(cell_index)

    def _end_overdue(self) -> None:
        self._overdue = True
        self.kill()

    def _timed_out(self) -> Ending:
        return Ending(outcome=Outcome.TIMED_OUT, message=f"took longer than {self._limit_s:g} s")

    def _died(self, error: Exception) -> Ending:
        give_up_s = time.monotonic() + STATUS_WAIT_S
        while read_status(self._place) is None and time.monotonic() < give_up_s:
            time.sleep(0.02)  # the kernel is gone, its status is being written
        how = describe_status(read_status(self._place))
        if isinstance(error, DeadKernelError):
            message = f"the kernel died: {how}{last_lines(self._place)}"
            return Ending(outcome=Outcome.KERNEL_DIED, message=message)
        return Ending(outcome=Outcome.NO_KERNEL, message=f"the kernel did not start: {how}{last_lines(self._place)}")


def _close_loop() -> None:
    """Close this thread's event loop, with what nbclient left waiting on it when a kernel went away."""
    loop = ensure_event_loop()
    waiting = asyncio.all_tasks(loop)
    for task in waiting:
        task.cancel()
    if waiting:
        loop.run_until_complete(asyncio.gather(*waiting, return_exceptions=True))
    loop.close()


class SessionEngine(Engine):  # type: ignore[misc] # papermill has no types
    """Lets papermill do all but start the kernel and watch the clock."""

    name: ClassVar[str] = ENGINE

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: NotebookExecutionManager, kernel_name: str, *, session: Session, **unused: object
    ) -> None:
        """Hand the notebook to its session."""
        del kernel_name, unused
        session.run(nb_man)


papermill_engines.register(ENGINE, SessionEngine)
