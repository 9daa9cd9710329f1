"""``bindery test``: notebooks, executed once on a Dask cluster, and compared with their references."""

from __future__ import annotations

import os
import shutil
import signal
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bindery.cli.display import make_progress
from bindery.cli.options import json_option, packages_option, python_option, quiet_option
from bindery.cli.test_place import read_place, refuse_gateway, refuse_places
from bindery.core import BadInput, BinderyError, Json, Settings, WrongUse, default_store, encode_json, read_settings
from bindery.core import write_file as write

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bindery.core import Progress
    from bindery.environments import PackagesChoice
    from bindery.notebooks import Target, TestRun
    from bindery.notebooks.collect import Notebook, UnreadableNotebook

DIFFERS, UNREADABLE = 1, 3
MOST_JOBS = 4


@click.command()
@click.argument("notebooks", nargs=-1, metavar="[NOTEBOOK]...")
@click.option(
    "--environment", "-e", metavar="ENVIRONMENT[@RELEASE]", help="Test in this one, whatever bindery.toml says."
)
@packages_option
@python_option
@click.option(
    "--prefix",
    type=click.Path(path_type=Path, file_okay=False),
    help="Test in a prefix or virtual environment that is there already, as it is.",
)
@click.option("--workers", type=click.IntRange(1), metavar="N", help="Worker processes of the cluster.")
@click.option("--threads", type=click.IntRange(1), metavar="N", help="Threads of each worker.")
@click.option("--memory", metavar="SIZE", help="Memory of each worker: 2GiB.")
@click.option("--scheduler", metavar="ADDRESS", help="Compute on a Dask scheduler that is running already.")
@click.option("--gateway", metavar="URL", help="Compute on a cluster that a Dask Gateway starts.")
@click.option("--site", metavar="NAME|FILE", help="Compute on workers that are jobs of this site's queue.")
@click.option(
    "--sif",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A Singularity file for the site's workers; without --site, or where jobs are submitted by ssh, for all.",
)
@click.option(
    "--jobs", "-j", type=click.IntRange(1), metavar="N", help="Notebooks at a time. Default: one per core, at most 4."
)
@click.option("--timeout", type=click.FloatRange(0, min_open=True), metavar="SECONDS", help="Limit for one notebook.")
@click.option("-p", "texts", nargs=2, multiple=True, metavar="NAME TEXT", help="A parameter that is a text, as it is.")
@click.option("-r", "raw", nargs=2, multiple=True, metavar="NAME TEXT", help="The same as -p, as papermill has it.")
@click.option("-y", "typed", multiple=True, metavar="YAML", help="Parameters with types: -y 'members: 9'.")
@click.option("--update", is_flag=True, help="Accept the outputs as the new references, and show what is accepted.")
@click.option("--imports", is_flag=True, help="Only try every notebook's imports: seconds, nothing is executed.")
@click.option(
    "--report",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("report"),
    show_default=True,
    help="Folder for index.html, results.json and the executed notebooks.",
)
@click.option("--junit", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write JUnit XML, too.")
@json_option
@quiet_option
def command(  # noqa: PLR0913 - one per option
    *,
    notebooks: tuple[str, ...],
    environment: str | None,
    packages: PackagesChoice,
    interpreter: str | None,
    prefix: Path | None,
    workers: int | None,
    threads: int | None,
    memory: str | None,
    scheduler: str | None,
    gateway: str | None,
    site: str | None,
    sif: Path | None,
    jobs: int | None,
    timeout: float | None,
    texts: tuple[tuple[str, str], ...],
    raw: tuple[tuple[str, str], ...],
    typed: tuple[str, ...],
    update: bool,
    imports: bool,
    report: Path,
    junit: Path | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Execute each NOTEBOOK once, on a Dask cluster of the environment's own, and compare it with its reference.

    Without a name, all notebooks of the project are tested. Prints the path of the report. Exits with 0 only if
    everything ran, something was compared, and all of it is as referenced.
    """
    # Help and completion come without the seconds that these imports take.
    from bindery.clusters import ClusterSize  # noqa: PLC0415
    from bindery.notebooks import Notebook, RunOptions, collect_notebooks, run_notebooks  # noqa: PLC0415
    from bindery.notebooks.parameters import refuse_unknown  # noqa: PLC0415

    parameters = read_parameters((*texts, *raw), typed)
    refuse_combinations(prefix, environment, scheduler, (workers, threads, memory), update=update, given=parameters)
    progress, settings = make_progress(quiet=quiet), read_settings(Path.cwd())
    place = read_place(settings, site, sif)
    refuse_places(place, prefix, environment, scheduler, (threads, memory))
    refuse_gateway(gateway, scheduler, site, sif, (threads, memory))
    collected = collect_notebooks(settings, notebooks)
    refuse_unknown([one for one in collected if isinstance(one, Notebook)], parameters)
    own = settings.test
    options = RunOptions(
        size=ClusterSize(
            workers=workers or own.workers,
            threads_per_worker=threads or own.threads_per_worker,
            memory_per_worker=memory or own.memory_per_worker,
        ),
        jobs=jobs or min(MOST_JOBS, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2),
        timeout_s=timeout,
        parameters=parameters,
        scheduler=scheduler,
        gateway=gateway,
        site=place.site,
        sif=place.sif,
        scratch=place.scratch,
    )
    with stopped_like_ctrl_c(), ExitStack() as held:
        if place.is_inside:
            target = held.enter_context(place.open_target())
        else:
            target = find_target(settings, collected, prefix, environment, packages, interpreter, progress)
        if imports:
            return show_imports(settings, collected, target, as_json=as_json)
        from bindery.cli.test_table import make_observer  # noqa: PLC0415

        remove_old_report(report)
        observer = make_observer(quiet=quiet)
        run = run_notebooks(
            settings,
            collected,
            target,
            options,
            executed_folder=report / "executed",
            progress=progress,
            observer=observer,
        )
    page = write_all(run, report, junit)
    observer.run_finished(run, page)
    status = accept_all(run, settings.root, progress) if update else find_status(run)
    if as_json:
        click.echo((report / "results.json").read_text(encoding="utf-8"), nl=False)
    else:
        click.echo(page)
    return status


def read_parameters(texts: Sequence[tuple[str, str]], typed: Sequence[str]) -> dict[str, Json]:
    """Return the notebooks' parameters: texts as they are, the others with YAML's types.

    Raises:
        BadInput: what was given as YAML is none, or gives no names.

    """
    import yaml  # noqa: PLC0415 - rarely needed

    parameters: dict[str, Json] = {}
    for text in typed:
        try:
            found: object = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise BadInput(f"is not YAML: {text}", "-y", "-y 'name: value'") from error
        if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
            raise BadInput(f"gives no names: {text}", "-y", "-y 'name: value'")
        parameters |= found
    return parameters | dict(texts)


def refuse_combinations(
    prefix: Path | None,
    environment: str | None,
    scheduler: str | None,
    size: tuple[object, ...],
    *,
    update: bool,
    given: Mapping[str, Json],
) -> None:
    """Refuse options that contradict each other.

    Raises:
        WrongUse: they do.

    """
    if prefix is not None and environment is not None:
        raise WrongUse("--prefix and --environment exclude each other")
    if scheduler is not None and any(size):
        raise WrongUse("--workers, --threads and --memory are for a cluster of ours, --scheduler is somebody else's")
    if update and given:
        raise WrongUse("--update would make references of other parameters than the notebooks have")


def find_target(  # noqa: PLR0913, PLR0917 - what to test in, from the options that say so
    settings: Settings,
    collected: Sequence[Notebook | UnreadableNotebook],
    prefix: Path | None,
    environment: str | None,
    packages: PackagesChoice,
    interpreter: str | None,
    progress: Progress,
) -> Target:
    """Return what the notebooks are tested in, installed."""
    from bindery.notebooks import choose_environment, existing_target, realise_target  # noqa: PLC0415

    if prefix is not None:
        return existing_target(prefix, os.environ)
    return realise_target(
        settings,
        choose_environment(settings, environment, collected),
        packages=packages,
        interpreter=interpreter,
        environ=os.environ,
        store=default_store(os.environ),
        progress=progress,
    )


def show_imports(
    settings: Settings, collected: Sequence[Notebook | UnreadableNotebook], target: Target, *, as_json: bool
) -> int:
    """Try the imports, print what came of them, and return the status."""
    from bindery.notebooks import Notebook, try_notebook_imports  # noqa: PLC0415

    tried = try_notebook_imports(settings, collected, target)
    lines: list[str] = []
    document: dict[str, Json] = {}
    for one in collected:
        if isinstance(one, Notebook):
            faults = [
                (failed.cell, f"{failed.statement}: {failed.error.name}: {failed.error.value}")
                for failed in tried.failed[one.name]
            ]
        else:
            faults = [(-1, one.message)]
        lines += [
            f"{one.name}: cell {cell + 1}: {fault}" if cell >= 0 else f"{one.path}: {fault}" for cell, fault in faults
        ]
        lines += [] if faults else [f"{one.name}: all imports work"]
        document[one.name] = [{"cell": cell, "fault": fault} for cell, fault in faults]
    if tried.kernel_error is not None:
        fault = f"{tried.kernel_error.name}: {tried.kernel_error.value}"
        lines.append(f"{target.environment}: cannot start kernels: {fault}")
        document[""] = [{"cell": -1, "fault": fault}]
    if as_json:
        answer: Json = {"schema": 1, "python": tried.python, "notebooks": document}
        click.echo(encode_json(answer, indent=1))
    else:
        click.echo("\n".join(lines))
    return DIFFERS if any(document.values()) else 0


def remove_old_report(folder: Path) -> None:
    """Leave no older report that somebody could take for this run's, should this run not come to its end."""
    for name in ("index.html", "results.json"):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / "executed", ignore_errors=True)


def write_all(run: TestRun, folder: Path, junit: Path | None) -> Path:
    """Write the report in all its forms, and return the page's path."""
    from bindery.notebooks.report import encode_junit, encode_results, write_report  # noqa: PLC0415

    write(folder / "results.json", encode_json(encode_results(run), indent=1) + b"\n")
    if junit is not None:
        write(junit, encode_junit(run))
    return write_report(run, folder)


def find_status(run: TestRun) -> int:
    """Return 0 if the run holds, 3 if only files that are no notebooks keep it from holding, else 1."""
    from bindery.notebooks.report import is_as_referenced, judge  # noqa: PLC0415
    from bindery.notebooks.results import Outcome  # noqa: PLC0415

    if judge(run).passed:
        return 0
    failed = [one for one in run.notebooks if not is_as_referenced(one)]
    return UNREADABLE if failed and all(one.outcome is Outcome.UNREADABLE for one in failed) else DIFFERS


def accept_all(run: TestRun, root: Path, progress: Progress) -> int:
    """Make the outputs the notebooks' references, where a notebook ran to its end; return 0 if all did."""
    import nbformat  # noqa: PLC0415 - takes long to import

    from bindery.notebooks.compare import accept_notebook  # noqa: PLC0415

    status = 0
    for result in run.notebooks:
        if result.executed is None:
            progress.say(f"{result.name}: nothing to accept: {result.message}")
            status = DIFFERS
            continue
        try:
            executed = nbformat.read(result.executed, as_version=4)  # type: ignore[no-untyped-call]
            changes = accept_notebook(root / result.path, executed)
        except BinderyError as error:
            click.echo(f"error: {error}", err=True)
            status = DIFFERS
            continue
        for change in changes:
            progress.say(f"{result.name}: cell {change.index + 1}: accepted: {change.sentence}")
        if not changes:
            progress.say(f"{result.name}: as referenced, nothing to accept")
    return status


@contextmanager
def stopped_like_ctrl_c() -> Iterator[None]:
    """Have SIGTERM end everything that was started, as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
