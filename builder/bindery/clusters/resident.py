"""A Dask scheduler and its workers, run by the Python of the environment under test. Imports nothing of Bindery.

Requests come as JSON, one a line, on stdin; each gets one line of JSON on stdout: ``{"ok": …}`` or ``{"error": …}``.

    {"do": "start", "workers": 2, "threads": 1, "memory": "2GiB", "folder": "/…", "python_path": ["/…"]}
    {"do": "submit", "kind": "slurm", "workers": 2, "options": {…}, "list": ["squeue", …], "cancel": ["scancel", …], …}
    {"do": "gateway", "address": "https://…", "workers": 2, "client": {…}, "modules": {…}, "folder": "/…", …}
    {"do": "identity"}                 {"do": "shut", "name": "…", …}
    {"do": "connect", "address": "tls://…"}
    {"do": "scale", "workers": 4}      {"do": "adapt", "minimum": 1, "maximum": 8}
    {"do": "metrics", "client": "…"}   {"do": "evict", "client": "…"}   {"do": "stop"}

When stdin ends, for whatever reason, or this process is told to end, it cancels its jobs and kills its process group,
and so every worker. TLS and everything else that Dask lets its configuration decide comes from DASK_* variables.
``submit`` has workers be jobs of a batch queue (``resident_jobs.py``): ``options`` are dask-jobqueue's own, ``list``
and ``cancel`` are commands that print and cancel the jobs, ``refusals`` is the folder where workers say why they ended.
``gateway`` has a Dask Gateway start a cluster (``resident_gateway.py``), ``shut`` ends one that is left.
"""

# mypy: ignore-errors
# distributed is the environment's, in whatever version; it is no dependency of Bindery's. Tests run this for real.

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import queue
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from distributed import Client, LocalCluster, Security
from distributed.diagnostics.plugin import SchedulerPlugin
from tornado.ioloop import PeriodicCallback

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from types import ModuleType

    from distributed import Scheduler
    from distributed.scheduler import TaskState

SAMPLE_MS = 250
UUID_CHARACTERS = 36
EVICT_WAIT_S = 1.5


class Counts:
    """What the clients of one name had the cluster do; times are seconds since the epoch until they are reported."""

    def __init__(self) -> None:
        self.begin_s: float | None = None
        self.end_s: float | None = None
        self.clients: set[str] = set()
        self.graphs = 0
        self.submitted = 0
        self.done: dict[str, int] = {}
        self.failed = 0
        self.output_bytes: dict[str, int] = {}
        self.transferred_bytes = 0
        self.spans: list[tuple[str, int, str, str, float, float]] = []
        self.abandoned: set[str] = set()  # workers that computed something when nobody wanted it any more


class Ledger(SchedulerPlugin):
    """Counts, for each name of clients, what the scheduler sees."""

    name = "bindery-ledger"

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.counts: dict[str, Counts] = {}
        self.memory: list[tuple[float, int, int]] = []
        self.owners: dict[object, Counts] = {}
        self.holders: dict[object, set[str]] = {}
        self.threads: dict[tuple[str, int], int] = {}
        self.sampler = PeriodicCallback(self.sample, SAMPLE_MS)
        self.sampler.start()  # on the loop that this runs on, the scheduler's
        scheduler.add_plugin(self)

    def sample(self) -> None:
        """Note the memory of all workers together."""
        states = [worker.memory for worker in self.scheduler.workers.values()]
        used = sum(state.process for state in states)
        self.memory.append((time.time(), used, sum(state.spilled for state in states)))

    def of_client(self, client: str) -> Counts:
        """Return the counts of the client ``Client-<name>-<uuid>``."""
        name = client[: -UUID_CHARACTERS - 1].partition("-")[2]
        return self.counts.setdefault(name, Counts())

    def add_client(self, scheduler: Scheduler, client: str) -> None:
        """Know of a client before it submits anything."""
        del scheduler
        counts = self.of_client(client)
        counts.clients.add(client)
        counts.end_s = None

    def remove_client(self, scheduler: Scheduler, client: str) -> None:
        """End the client's time."""
        del scheduler
        counts = self.of_client(client)
        counts.clients.discard(client)
        if not counts.clients:
            counts.end_s = time.time()

    def update_graph(self, scheduler: Scheduler, *, client: str, tasks: list[object], **rest: object) -> None:
        """Count a graph and its tasks, and remember whose they are."""
        del scheduler, rest
        counts = self.of_client(client)
        counts.begin_s = counts.begin_s or time.time()
        counts.graphs += 1
        counts.submitted += len(tasks)
        for key in tasks:
            self.owners.setdefault(key, counts)

    def transition(self, key: object, start: str, finish: str, *args: object, **rest: object) -> None:
        """Count what became of a task."""
        del args
        counts = self.owners.get(key)
        if counts is not None and start == "processing":
            if finish == "memory":
                self.finished(counts, key, rest)
            elif finish == "erred":
                counts.failed += 1
            elif finish in {"released", "forgotten"}:
                self.dropped(counts, key)
        if finish == "forgotten":
            self.owners.pop(key, None)
            self.holders.pop(key, None)

    def dropped(self, counts: Counts, key: object) -> None:
        """Remember which worker computes what nobody wants any more."""
        task = self.scheduler.tasks.get(key)
        worker = None if task is None else task.processing_on
        # Depending on the version, the task has left its worker when plugins hear of it: then all are suspects.
        counts.abandoned |= set(self.scheduler.workers) if worker is None else {worker.address}

    def finished(self, counts: Counts, key: object, rest: dict[str, object]) -> None:
        """Count a task that a worker has computed."""
        task = self.scheduler.tasks[key]
        worker = str(rest.get("worker"))
        prefix = str(task.prefix.name)
        nbytes = rest.get("nbytes")
        counts.done[prefix] = counts.done.get(prefix, 0) + 1
        counts.output_bytes[prefix] = counts.output_bytes.get(prefix, 0) + (nbytes if isinstance(nbytes, int) else 0)
        self.holders[key] = {worker}
        startstops = rest.get("startstops")
        thread = rest.get("thread")
        spans = startstops if isinstance(startstops, list | tuple) else ()
        for span in spans:
            row = (self.worker_name(worker), self.thread_index(worker, thread), prefix, span["action"])
            counts.spans.append((*row, span["start"], span["stop"]))
        if any(span["action"] == "transfer" for span in spans):
            self.moved(counts, task.dependencies, worker)

    def moved(self, counts: Counts, dependencies: set[TaskState], worker: str) -> None:
        """Count the inputs that had to be brought to the worker; each comes once."""
        for dependency in dependencies:
            holders = self.holders.setdefault(dependency.key, set())
            if holders and worker not in holders:
                counts.transferred_bytes += max(0, dependency.nbytes)
            holders.add(worker)

    def worker_name(self, address: str) -> str:
        """Return the worker's name, or its address when it has gone."""
        state = self.scheduler.workers.get(address)
        return address if state is None else str(state.name)

    def thread_index(self, worker: str, thread: object) -> int:
        """Return the thread's number among its worker's threads, from 0."""
        ident = thread if isinstance(thread, int) else 0
        known = sum(1 for other, _ in self.threads if other == worker)
        return self.threads.setdefault((worker, ident), known)

    def report(self, name: str) -> dict[str, object]:
        """Return the counts of the clients of this name; times are relative to their first graph."""
        counts = self.counts.get(name, Counts())
        begin_s = counts.begin_s
        memory: list[tuple[float, int, int]] = []
        if begin_s is not None:
            self.sample()
            end_s = counts.end_s or time.time()
            memory = [(at - begin_s, used, spilled) for at, used, spilled in self.memory if begin_s <= at <= end_s]
        return {
            "graphs": counts.graphs,
            "tasks_submitted": counts.submitted,
            "tasks_done": counts.done,
            "tasks_failed": counts.failed,
            "output_bytes_by_prefix": counts.output_bytes,
            "transferred_bytes": counts.transferred_bytes,
            "peak_memory_bytes": max((used for _, used, _ in memory), default=0),
            "spans": [(*row[:4], row[4] - (begin_s or 0), row[5] - (begin_s or 0)) for row in counts.spans],
            "memory": memory,
        }

    async def evict(self, name: str) -> list[str]:
        """Restart the workers that are still busy with what the clients of this name left behind."""
        counts = self.counts.get(name, Counts())
        for client in list(counts.clients):
            self.scheduler.remove_client(client, stimulus_id="bindery-evict")
        suspects, counts.abandoned = counts.abandoned, set()
        if not suspects:
            return []
        await asyncio.sleep(EVICT_WAIT_S)  # a task that ends by itself needs no restart
        busy = [address for address in suspects if self.is_stuck(address)]
        if busy:
            await self.scheduler.restart_workers(busy, on_error="return", stimulus_id="bindery-evict")
        return busy

    def is_stuck(self, address: str) -> bool:
        """Whether the worker computes more than the scheduler has asked it for."""
        worker = self.scheduler.workers.get(address)
        if worker is None:
            return False
        counts = worker.metrics.get("task_counts", {})
        running = sum(number for state, number in counts.items() if state in {"executing", "cancelled", "long-running"})
        return bool(running > len(worker.processing))


class Resident:
    """The cluster, and what can be asked of it."""

    def __init__(self) -> None:
        self.cluster: LocalCluster | None = None
        self.ledger: Ledger | None = None
        self.jobs = None
        self.remote = None

    def answer(self, request: dict[str, object]) -> object:
        """Do what the request says and return what is to be said of it."""
        verb = request.pop("do")
        first = {"start": self.start, "submit": self.submit, "connect": connect, "identity": read_identity}
        first |= {"gateway": self.gateway, "shut": shut}
        later = {"scale": self.scale, "adapt": self.adapt, "metrics": self.metrics, "evict": self.evict}
        if verb in first:
            return first[verb](request)
        if verb not in later:
            message = f"there is no request {verb!r}"
            raise RuntimeError(message)
        if self.remote is not None:
            return getattr(self.remote, verb)(request)
        if self.cluster is None or self.ledger is None:
            message = f"{verb}: there is no cluster of mine"
            raise RuntimeError(message)
        return later[verb](request)

    def scale(self, request: dict[str, object]) -> None:
        """Have this many workers."""
        (self.jobs or self.cluster).scale(request["workers"])

    def adapt(self, request: dict[str, object]) -> None:
        """Have as many workers as are needed."""
        (self.jobs or self.cluster).adapt(minimum=request["minimum"], maximum=request["maximum"])

    def metrics(self, request: dict[str, object]) -> object:
        """Return what the clients of this name had the cluster do."""
        if self.jobs is not None:
            self.jobs.check()
        return self.cluster.sync(on_loop(self.ledger.report), str(request["client"]))

    def evict(self, request: dict[str, object]) -> object:
        """Forget the clients of this name."""
        return self.cluster.sync(self.ledger.evict, str(request["client"]))

    def start(self, request: dict[str, object]) -> dict[str, object]:
        """Start the scheduler and its workers, all of them, and count from now on."""
        python_path = request["python_path"]
        if isinstance(python_path, list):
            sys.path[:0] = python_path  # worker processes inherit it
        self.cluster = LocalCluster(
            n_workers=request["workers"],
            threads_per_worker=request["threads"],
            memory_limit=request["memory"],
            local_directory=request["folder"],
            host="127.0.0.1",
            protocol="tls://",
            security=Security(),
            dashboard_address="127.0.0.1:0",
            processes=True,
        )
        self.cluster.wait_for_workers(request["workers"])
        return self.started()

    def submit(self, request: dict[str, object]) -> dict[str, object]:
        """Start a scheduler here and its workers in jobs, all of them, and count from now on."""
        sys.path[:0] = request["python_path"]  # the scheduler reads the graphs that clients send
        # What a queue hands on to its jobs: the temporary folder here is no node's, and $HOME is the person's.
        os.environ.pop("TMPDIR", None)
        os.environ["HOME"] = str(request["home"])
        self.jobs = load("resident_jobs").Jobs(request)
        self.cluster = self.jobs.cluster
        self.jobs.start(request["workers"])
        return self.started()

    def gateway(self, request: dict[str, object]) -> dict[str, object]:
        """Have a gateway start a cluster, and count from now on."""
        self.remote = load("resident_gateway").Gateway(request)
        return self.remote.start(Ledger)

    def started(self) -> dict[str, object]:
        """Count from now on, and say where the scheduler is."""
        scheduler = self.cluster.scheduler
        self.ledger = self.cluster.sync(on_loop(Ledger), scheduler)
        # bokeh may be missing from an environment, and then there is no dashboard.
        dashboard = self.cluster.dashboard_link if "dashboard" in scheduler.services else None
        return {"address": scheduler.address, "dashboard": dashboard, "workers": len(scheduler.workers)}


def on_loop(function: Callable[..., object]) -> Callable[..., Awaitable[object]]:
    """Return the function as a coroutine function, so that the scheduler's loop runs it between its own steps."""

    async def run(*args: object) -> object:
        return function(*args)

    return run


def connect(request: dict[str, object]) -> dict[str, object]:
    """Ask a scheduler that somebody else runs how many workers it has."""
    with Client(request["address"], timeout=10, set_as_default=False) as client:
        workers = client.scheduler_info(n_workers=-1)["workers"]
        threads = sum(one["nthreads"] for one in workers.values())
        return {"workers": len(workers), "threads": threads}


def shut(request: dict[str, object]) -> None:
    """End a gateway's cluster that somebody else has left."""
    gateway = load("resident_gateway")
    gateway.shut_down(gateway.Gateway(request).gateway, str(request["name"]))


def read_identity(request: dict[str, object]) -> object:
    """Return what is installed here."""
    del request
    return load("identity").read_identity()


def load(name: str) -> ModuleType:
    """Return the script of this name beside this one; its folder is Bindery's, and must not be one to import from."""
    spec = importlib.util.spec_from_file_location(f"bindery_{name}", Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read_requests(resident: Resident) -> Iterator[dict[str, object]]:
    """Yield requests as they come; when no more can come, end this process and all that it started."""
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()

    def read() -> None:
        for line in sys.stdin:
            lines.put(line)
        end_group(resident)

    threading.Thread(target=read, daemon=True).start()
    while True:
        yield json.loads(lines.get())


def end_group(resident: Resident) -> None:
    """Cancel the jobs, end the gateway's cluster, and kill this process and every process that it started."""
    for one in (resident.jobs, resident.remote):
        if one is not None:
            one.cancel()
    os.killpg(0, signal.SIGKILL)


def main() -> None:
    """Answer requests until told to stop, or until whoever asks is gone."""
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print must not look like an answer
    resident = Resident()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: end_group(resident))
    for request in read_requests(resident):
        if request.get("do") == "stop":
            end_group(resident)
        try:
            reply: dict[str, object] = {"ok": resident.answer(request)}
        except Exception as error:  # noqa: BLE001 - whoever asked is told
            traceback.print_exc()
            reply = getattr(error, "reply", {"error": f"{type(error).__name__}: {error}"})
        with contextlib.suppress(BrokenPipeError):
            answers.write(json.dumps(reply) + "\n")
            answers.flush()


if __name__ == "__main__":
    main()
