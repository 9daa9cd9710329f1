"""A cluster at a Dask Gateway: the part of ``resident.py`` that needs dask-gateway. Loaded by its path.

The cluster is the gateway's: its scheduler and workers run where, and in what, the gateway says. So nothing
is done there before they have said what they are (``gateway_guard.py``), and the cluster is shut down on every way out.
"""

# mypy: ignore-errors
# dask-gateway is the environment's, in whatever version; it is no dependency of Bindery's. Tests run this for real.

from __future__ import annotations

import os
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from distributed import Client
from distributed.diagnostics.plugin import WorkerPlugin

if TYPE_CHECKING:
    from distributed import Scheduler

TURN_S = 0.5
LOOK_S = 5.0
SUBMIT_WAIT_S = 20.0
TOPIC = "bindery-guard"
LEDGER = "bindery-ledger"
RUN_TEXT = "[exec(one, names) for one in sources] and eval(wanted, names)"
FIX = "start kernel, scheduler and workers from one lock: have the gateway run this environment's image"


class Fault(Exception):
    """What somebody has to mend; ``kind`` is Bindery's word for the kind of error."""

    def __init__(self, kind: str, what: str, where: str = "", fix: str = "") -> None:
        super().__init__(kind, what, where, fix)
        self.reply = {"error": what, "kind": kind, "where": where, "fix": fix}


class Sent(WorkerPlugin):
    """The guard, as it travels: as text, which any Python can run."""

    name = "bindery-guard"

    def __init__(self, words: tuple[str, dict[str, object]]) -> None:
        self.words = words

    def __reduce__(self) -> tuple[object, ...]:
        """Return the call that makes the guard there."""
        return eval, self.words


class Gateway:
    """A cluster at a gateway, and what can be asked of it. ``request`` is described in ``resident.py``."""

    def __init__(self, request: dict[str, object]) -> None:
        try:
            import dask_gateway  # noqa: PLC0415 - not every environment has it
        except ModuleNotFoundError as error:
            what = "there is no dask-gateway in this environment, and its cluster is to be a gateway's"
            raise Fault("input", what, str(request["prefix"]), str(request["fix"])) from error
        self.request = request
        self.address = str(request["address"])
        self.note = Path(request["folder"], "cluster")
        self.lock = threading.Lock()
        self.closing = False
        self.name: str | None = None
        self.client: Client | None = None
        try:
            self.gateway = dask_gateway.Gateway(self.address)
        except Exception as error:
            raise Fault("input", f"dask-gateway cannot be set up: {error}", self.address) from error

    def start(self, make_ledger: type) -> dict[str, object]:
        """Return where the cluster is, once all workers are there and are what the client is."""
        # In a thread of its own: a signal's handler, which this thread runs, has to wait for the cluster's name.
        with ThreadPoolExecutor(1) as pool:
            pool.submit(self.submit).result()
        report = self.wait_for_scheduler()
        files = self.write_certificates(report)
        self.client = Client(report.scheduler_address, security=report.security, set_as_default=False)
        self.refuse("scheduler", self.client.run_on_scheduler(eval, *self.text("find_differences(client, own())")))
        self.client.run_on_scheduler(eval, *self.text("place_modules(modules)"))
        self.client.run_on_scheduler(begin_ledger, make_ledger)
        self.client.register_plugin(Sent(self.text("Guard(client, modules)")))
        self.scale(self.request)
        self.wait_for_workers()
        found = {"address": report.scheduler_address, "dashboard": report.dashboard_link, "tls": files}
        return {**found, "workers": self.request["workers"], "name": self.name}

    def submit(self) -> None:
        """Ask for the cluster, and note its name, by which alone it can be shut down."""
        with self.lock:
            if self.closing:
                return
            try:
                self.name = self.gateway.submit()
            except Exception as error:
                what = f"the gateway starts no cluster: {describe(error)}"
                raise Fault("tool", what, self.address) from error
            self.note.write_text(self.name, encoding="utf-8")

    def wait_for_scheduler(self) -> object:
        """Return what the gateway says of the cluster once its scheduler runs."""
        while True:
            report = self.look()
            if report.status.name == "RUNNING":
                return report
            time.sleep(TURN_S)

    def look(self) -> object:
        """Return what the gateway says of the cluster.

        Raises:
            Fault: it has ended.

        """
        report = self.gateway.get_cluster(self.name)
        if report.status.name not in {"PENDING", "RUNNING"}:
            what = f"the cluster has {report.status.name.lower()}: the gateway's own log says why"
            raise Fault("tool", what, f"{self.address}, cluster {self.name}")
        return report

    def write_certificates(self, report: object) -> dict[str, str]:
        """Write what lets clients in where only the user can read it, and return the paths."""
        folder = Path(self.request["folder"], "certificates")
        folder.mkdir(mode=0o700)
        paths = {"certificate": str(folder / "certificate.pem"), "key": str(folder / "key.pem")}
        for path, text in ((paths["certificate"], report.tls_cert), (paths["key"], report.tls_key)):
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
                stream.write(text)
        return paths

    def text(self, wanted: str) -> tuple[str, dict[str, object]]:
        """Return what ``eval`` is called with there to have the value of an expression of the guard's."""
        here = Path(__file__)
        sources = [here.with_name(f"{name}.py").read_text(encoding="utf-8") for name in ("identity", "gateway_guard")]
        names = {"__name__": "bindery_guard", "client": self.request["client"], "modules": self.request["modules"]}
        return RUN_TEXT, {"sources": [*sources, "own = read_identity"], "names": names, "wanted": wanted}

    def wait_for_workers(self) -> None:
        """Return when as many workers as were asked for have been let in."""
        look_s = time.monotonic() + LOOK_S
        while len(self.check()) < self.request["workers"]:
            if time.monotonic() > look_s:
                look_s = time.monotonic() + LOOK_S
                self.look()
            time.sleep(TURN_S)

    def check(self) -> set[str]:
        """Return the addresses of the workers that are there and let in.

        Raises:
            Fault: one was refused.

        """
        admitted = set()
        for _, said in self.client.get_events(TOPIC):
            self.refuse(f"worker {said['worker']}", said["differences"])
            admitted.add(said["address"])
        return admitted & set(self.client.run_on_scheduler(list_workers))

    def refuse(self, who: str, differences: list[str]) -> None:
        """Return if there are no differences.

        Raises:
            Fault: there are.

        """
        if differences:
            said = "\n  ".join(differences)
            what = f"this {who.partition(' ')[0]} is not what the client is:\n  {said}"
            raise Fault("check", what, f"{who} of cluster {self.name} at {self.address}", FIX)

    def scale(self, request: dict[str, object]) -> None:
        """Have this many workers."""
        self.tell(self.gateway.scale_cluster, request["workers"])

    def adapt(self, request: dict[str, object]) -> None:
        """Have as many workers as are needed."""
        self.tell(self.gateway.adapt_cluster, request["minimum"], request["maximum"])

    def tell(self, verb: object, *numbers: int) -> None:
        """Have the gateway do something with the cluster.

        Raises:
            Fault: it does not, or not all of it.

        """
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                verb(self.name, *numbers)
            except Exception as error:
                raise Fault("tool", f"the gateway refuses: {describe(error)}", self.address) from error
        for one in caught:
            if one.category.__name__ == "GatewayWarning":
                raise Fault("tool", f"the gateway gives less than was asked for: {one.message}", self.address)

    def metrics(self, request: dict[str, object]) -> object:
        """Return what the clients of this name had the cluster do."""
        self.check()
        return self.client.run_on_scheduler(report_counts, str(request["client"]))

    def evict(self, request: dict[str, object]) -> object:
        """Forget the clients of this name."""
        return self.client.run_on_scheduler(evict_clients, str(request["client"]))

    def cancel(self) -> None:
        """Shut the cluster down; whoever finds the note afterwards knows that it could not be."""
        self.closing = True
        if not self.lock.acquire(timeout=SUBMIT_WAIT_S) or self.name is None:
            return
        shut_down(self.gateway, self.name)
        self.note.unlink(missing_ok=True)


def begin_ledger(make_ledger: type, dask_scheduler: Scheduler) -> None:
    """Count from now on. On the scheduler."""
    make_ledger(dask_scheduler)


def list_workers(dask_scheduler: Scheduler) -> list[str]:
    """Return the workers' addresses. On the scheduler."""
    return list(dask_scheduler.workers)


def report_counts(name: str, dask_scheduler: Scheduler) -> object:
    """Return the counts of the clients of this name. On the scheduler."""
    return dask_scheduler.plugins[LEDGER].report(name)


async def evict_clients(name: str, dask_scheduler: Scheduler) -> object:
    """Forget the clients of this name. On the scheduler."""
    return await dask_scheduler.plugins[LEDGER].evict(name)


def shut_down(gateway: object, name: str) -> None:
    """Have the gateway end the cluster; one that has ended already is no fault."""
    try:
        gateway.stop_cluster(name)
    except ValueError:
        return  # the gateway knows no such cluster


def describe(error: Exception) -> str:
    """Return what a gateway, or the way to it, says, in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
