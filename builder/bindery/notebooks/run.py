"""All notebooks of one call: imports tried, a cluster started, each notebook executed once and compared."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bindery.clusters import (
    ClusterSize,
    GatewayWorkers,
    JobWorkers,
    begin_cluster,
    begin_gateway_cluster,
    begin_job_cluster,
    connect_cluster,
)
from bindery.core import disk_errors, encode_json, write_file
from bindery.notebooks.assemble import (
    assemble_result,
    import_result,
    no_kernel_result,
    unreadable_result,
)
from bindery.notebooks.collect import Notebook
from bindery.notebooks.execute import clean_document, execute_notebook
from bindery.notebooks.imports import TriedImports, try_imports
from bindery.notebooks.kernels import KernelPlace
from bindery.notebooks.parameters import parameters_of
from bindery.notebooks.results import NotebookResult, Outcome, TestRun
from bindery.notebooks.sealed import make_home, seal_environ
from bindery.notebooks.workplace import make_workplace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nbformat import NotebookNode

    from bindery.clusters import Cluster, GatewayCluster, JobCluster, LocalCluster, StartingCluster
    from bindery.core import Json, Progress, Settings
    from bindery.notebooks.collect import UnreadableNotebook
    from bindery.notebooks.observer import Observer
    from bindery.notebooks.session import Session
    from bindery.notebooks.target import Target
    from bindery.sif.sites import Site

MODULES = "data"  # the folder beside the notebooks whose modules make their inputs


@dataclass(frozen=True, kw_only=True, slots=True)
class RunOptions:
    """How notebooks are run. None as a limit: what ``bindery.toml`` says of each. ``scheduler`` replaces a cluster.

    ``gateway`` is the URL of a Dask Gateway that starts one. On a ``site``, workers are jobs, in ``sif`` if there is
    one, else in the target's prefix; what is temporary is then made in ``scratch``, which all nodes see.
    """

    size: ClusterSize
    jobs: int
    timeout_s: float | None = None
    parameters: Mapping[str, Json] = field(default_factory=dict)
    scheduler: str | None = None
    gateway: str | None = None
    site: Site | None = None
    sif: Path | None = None
    scratch: Path | None = None


def run_notebooks(  # noqa: PLR0913 - what to run, where, how, and who is told
    settings: Settings,
    notebooks: Sequence[Notebook | UnreadableNotebook],
    target: Target,
    options: RunOptions,
    *,
    executed_folder: Path,
    progress: Progress,
    observer: Observer,
) -> TestRun:
    """Return what became of the notebooks, in their order. The executed ones are put into ``executed_folder``.

    Raises:
        CheckFailed: the workers are not of the environment that the kernels are of.
        ToolFailed: the environment's Python does not run, the cluster does not come up, or the disk is full.

    """
    started_epoch_s, begin_s = int(time.time()), time.monotonic()
    with make_workplace(options.scratch) as workplace, disk_errors(workplace):
        run = _Run(settings, target, options, workplace, executed_folder, progress, observer)
        try:
            results, tried, cluster = run.execute(notebooks)
        finally:
            run.close()
    return TestRun(
        environment=target.environment,
        release=target.release,
        packages=target.packages,
        lock_digest=target.lock_digest,
        platform=target.platform,
        python=tried.python,
        versions=tried.versions,
        cluster=cluster,
        started_epoch_s=started_epoch_s,
        duration_s=time.monotonic() - begin_s,
        notebooks=results,
    )


def try_notebook_imports(
    settings: Settings, notebooks: Sequence[Notebook | UnreadableNotebook], target: Target
) -> TriedImports:
    """Return which imports of the notebooks do not work in the environment; nothing is executed.

    Raises:
        ToolFailed: the environment's Python does not run, or takes too long.

    """
    with make_workplace() as workplace, disk_errors(workplace):
        home = make_home(workplace / "home")
        work = _copy_modules(settings.notebooks_folder, workplace / "work")
        readable = [one for one in notebooks if isinstance(one, Notebook)]
        return try_imports(target.python, seal_environ(target.environ, home), work, readable)


class _Run:
    """One call's processes, and the folder that they share."""

    def __init__(  # noqa: PLR0913, PLR0917 - see run_notebooks
        self,
        settings: Settings,
        target: Target,
        options: RunOptions,
        workplace: Path,
        executed_folder: Path,
        progress: Progress,
        observer: Observer,
    ) -> None:
        self._settings, self._target, self._options = settings, target, options
        self._workplace, self._executed_folder = workplace, executed_folder
        self._progress, self._observer = progress, observer
        self._home = make_home(workplace / "home")
        self._modules = _copy_modules(settings.notebooks_folder, workplace / "modules")
        self._sessions: set[Session] = set()
        self._guard = threading.Lock()
        self._stopping = False
        self._starting: StartingCluster[LocalCluster | JobCluster | GatewayCluster] | None = None
        self._cluster: Cluster | None = None
        self._pool = ThreadPoolExecutor(max_workers=max(2, options.jobs), thread_name_prefix="bindery")

    def execute(
        self, notebooks: Sequence[Notebook | UnreadableNotebook]
    ) -> tuple[tuple[NotebookResult, ...], TriedImports, str]:
        readable = [one for one in notebooks if isinstance(one, Notebook)]
        tried, cluster = self._prepare(readable)
        refused = {one.name: result for one in notebooks if (result := _refuse(one, tried)) is not None}
        ready = [notebook for notebook in readable if notebook.name not in refused]
        words = "none: no notebook could be executed"
        if ready:
            self._cluster = cluster.result()
            words = self._cluster.description
            dashboard = self._cluster.dashboard
            self._progress.say(f"cluster: {words}" + (f", dashboard {dashboard}" if dashboard else ""))
        self._observer.run_started([one.name for one in notebooks])
        results = {name: self._finish(result) for name, result in refused.items()}
        results |= self._execute_all(ready)
        return tuple(results[one.name] for one in notebooks), tried, words

    def close(self) -> None:
        """Leave no process and no job behind."""
        with self._guard:
            self._stopping = True
            sessions = tuple(self._sessions)
        for session in sessions:
            session.kill()
        try:
            if self._starting is not None:
                self._starting.stop()
        finally:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def _prepare(self, notebooks: Sequence[Notebook]) -> tuple[TriedImports, Future[Cluster]]:
        """Try the imports while the cluster starts: each keeps one core busy."""
        cluster = self._start_cluster()
        self._pool.submit(_import_papermill)
        environ = self._seal(self._home)
        tried = try_imports(self._target.python, environ, self._modules, notebooks)
        counted = f"{tried.statements} imports tried in Python {tried.python}"
        failed = sum(map(bool, tried.failed.values()))
        self._progress.say(f"{counted}: {f'{failed} notebooks cannot run' if failed else 'all work'}")
        return tried, cluster

    def _start_cluster(self) -> Future[Cluster]:
        folder, options, python = self._workplace / "cluster", self._options, self._target.python
        environ = self._seal(make_home(self._workplace / "cluster-home"))
        if options.scheduler is not None:
            folder.mkdir()
            return self._pool.submit(connect_cluster, python, environ, options.scheduler, folder=folder)
        modules = (self._modules,)
        if options.site is not None:
            jobs = JobWorkers(
                site=options.site,
                workers=options.size.workers,
                sif=options.sif,
                folders=(self._workplace,),
                home=self._target.environ.get("HOME"),
            )
            self._progress.say(f"asking for {jobs}")
            digest = self._target.lock_digest
            self._starting = begin_job_cluster(
                python, environ, jobs, lock_digest=digest, folder=folder, python_path=modules
            )
        elif options.gateway is not None:
            # The user's own home and variables say who asks; notebooks see neither.
            asking = {**self._target.environ, "TMPDIR": environ["TMPDIR"]}
            workers = GatewayWorkers(url=options.gateway, workers=options.size.workers, environ=asking)
            self._progress.say(f"asking for {workers}")
            digest = self._target.lock_digest
            self._starting = begin_gateway_cluster(
                python, environ, workers, lock_digest=digest, folder=folder, python_path=modules
            )
        else:
            self._starting = begin_cluster(python, environ, size=options.size, folder=folder, python_path=modules)
        return self._pool.submit(self._starting.finish)

    def _execute_all(self, notebooks: Sequence[Notebook]) -> dict[str, NotebookResult]:
        results: dict[str, NotebookResult] = {}
        waiting = list(enumerate(notebooks))
        running: set[Future[NotebookResult]] = set()
        while waiting or running:
            while waiting and len(running) < self._options.jobs:
                number, notebook = waiting.pop(0)
                running.add(self._pool.submit(self._execute_one, number, notebook))
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                result = future.result()
                results[result.name] = self._finish(result)
        return results

    def _execute_one(self, number: int, notebook: Notebook) -> NotebookResult:
        # Both bring libraries that take a second to import, and are needed only when something is executed.
        from bindery.notebooks.compare import compare_notebook  # noqa: PLC0415
        from bindery.notebooks.session import Session  # noqa: PLC0415

        parameters = parameters_of(notebook, self._options.parameters)
        total, done = notebook.code_cells + bool(parameters), 0

        def count(index: int) -> None:
            nonlocal done
            del index
            done += 1
            self._observer.cell_done(notebook.name, done, total)

        self._observer.notebook_started(notebook.name, total)
        folder = self._workplace / str(number)
        place = self._make_place(folder, notebook)
        session = Session(place, self._limit_s(notebook), count)
        with self._guard:
            if self._stopping:
                raise KeyboardInterrupt
            self._sessions.add(session)
        try:
            execution = execute_notebook(notebook, session, folder, parameters)
        finally:
            session.kill()
            with self._guard:
                self._sessions.discard(session)
        if self._stopping:
            raise KeyboardInterrupt
        cluster = self._cluster
        if cluster is not None and execution.outcome is not Outcome.PASSED:
            cluster.evict(notebook.name)
        metrics = None if cluster is None else cluster.metrics(notebook.name)
        compared = compare_notebook(_as_node(notebook.document), _as_node(execution.document))
        executed = self._executed_folder / f"{notebook.name}.ipynb"
        write_file(executed, encode_json(clean_document(execution.document), indent=1) + b"\n")
        return assemble_result(notebook, execution, compared, metrics, executed)

    def _make_place(self, folder: Path, notebook: Notebook) -> KernelPlace:
        home = make_home(folder / "home")
        work = _copy_modules(self._settings.notebooks_folder, folder / "work")
        # The list of this machine's fonts, which matplotlib made in this run when its import was tried.
        fonts = self._home / ".config" / "matplotlib"
        shutil.copytree(fonts, home / ".config" / "matplotlib", dirs_exist_ok=True)
        cluster = {} if self._cluster is None else self._cluster.environ
        environ = {**self._seal(home), **cluster, "DASK_CLIENT_NAME": notebook.name}
        return KernelPlace(python=self._target.python, environ=environ, cwd=work, folder=folder)

    def _seal(self, home: Path) -> dict[str, str]:
        return seal_environ(self._target.environ, home, keep_dask=self._options.scheduler is not None)

    def _limit_s(self, notebook: Notebook) -> float:
        if self._options.timeout_s is not None:
            return self._options.timeout_s
        own = self._settings.notebooks.get(notebook.name)
        return own.timeout_s if own is not None and own.timeout_s is not None else self._settings.test.timeout_s

    def _finish(self, result: NotebookResult) -> NotebookResult:
        # Reports are handed to others: they need not know whose home the project lies in.
        shown = replace(result, path=Path(os.path.relpath(result.path, self._settings.root)))
        self._observer.notebook_finished(shown)
        return shown


def _refuse(notebook: Notebook | UnreadableNotebook, tried: TriedImports) -> NotebookResult | None:
    """Return the result of a notebook that need not be executed to know what becomes of it."""
    if not isinstance(notebook, Notebook):
        return unreadable_result(notebook)
    if tried.kernel_error is not None:
        error = tried.kernel_error
        message = f"the environment cannot start kernels: {error.name}: {error.value}"
        return no_kernel_result(notebook, message)
    failed = tried.failed[notebook.name]
    return import_result(notebook, failed) if failed else None


def _copy_modules(notebooks_folder: Path, work: Path) -> Path:
    """Make the folder that a notebook runs in, with the modules that make inputs, and return it."""
    (work / MODULES).mkdir(parents=True)
    for path in sorted((notebooks_folder / MODULES).glob("*.py")):
        shutil.copyfile(path, work / MODULES / path.name)
    if not any((work / MODULES).iterdir()):
        (work / MODULES).rmdir()
    return work


def _import_papermill() -> None:
    with contextlib.suppress(ImportError):  # whoever needs it says what is missing
        import bindery.notebooks.session  # noqa: F401, PLC0415 - a second of work, done while others start


def _as_node(document: dict[str, Json]) -> NotebookNode:
    import nbformat  # noqa: PLC0415 - takes long to import

    node: NotebookNode = nbformat.from_dict(document)  # type: ignore[no-untyped-call]
    return node
