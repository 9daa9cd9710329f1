"""``bindery site``: places where SIFs run; the files that people load and submit there; whether it all works."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bindery.cli.display import make_progress
from bindery.cli.options import json_option, quiet_option
from bindery.cli.tables import print_table
from bindery.core import WrongUse, encode_json, find_root

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bindery.core import Json, Progress
    from bindery.sif.sites import CheckOptions, Site, SiteFinding, Stale

DIFFERS = 1
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command("site")
@click.argument("name", required=False)
@click.option("--sif", type=_FILE, metavar="FILE", help="The SIF that the files are for, or that --check tries.")
@click.option(
    "--output",
    "-o",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Where the files are, which every node sees. Default: NAME, beside the SIF.",
)
@click.option("--check", is_flag=True, help="Try the site, with one job; with -o, see whether its files are stale.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(0, min_open=True),
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    help="How long the job of --check may wait and run.",
)
@json_option
@quiet_option
def command(  # noqa: PLR0913 - one parameter for each option
    *,
    name: str | None,
    sif: Path | None,
    folder: Path | None,
    check: bool,
    timeout_s: float,
    as_json: bool,
    quiet: bool,
) -> int:
    """Write what the people of a site load and submit, and print the folder: a modulefile, wrappers, batch jobs.

    NAME is a site of the project, binder/sites/NAME.yaml, or the path of such a file. Without it, the sites are listed;
    with nothing but it, the values of the site are. What --check finds that does not hold is told with its fix, and
    the status is 1.

    \b
    bindery site hal --check --sif hpc.sif
    bindery site hal --sif hpc.sif -o /work/softs/pangeo
    bindery site hal --check -o /work/softs/pangeo
    """  # noqa: D301 - Click looks for the character itself, which keeps the lines below it apart
    from bindery.sif.sites import CheckOptions, read_site  # noqa: PLC0415 - not for --help

    if name is None:
        if sif or folder or check:
            raise WrongUse("which site?", fix="bindery site NAME …; bindery site lists them")
        return _list(as_json=as_json)
    site = read_site(name, _root(name))
    progress = make_progress(quiet=quiet)
    if check and folder:
        return _check_files(name, site, folder, as_json=as_json)
    if check:
        options = CheckOptions(sif=sif.absolute() if sif else None, timeout_s=timeout_s)
        return _check(site, options, progress, as_json=as_json)
    if sif is None:
        if folder:
            raise WrongUse("-o needs the SIF that the files are for", fix="--sif FILE, or --check")
        return _show(site, as_json=as_json)
    return _write(site, sif, folder or sif.absolute().parent / site.name, as_json=as_json)


def _root(name: str) -> Path:
    """Return the project's folder; a site that is named by its file needs none."""
    return Path.cwd() if "/" in name or name.endswith((".yaml", ".yml")) else find_root(Path.cwd())


def _list(*, as_json: bool) -> int:
    from bindery.sif.sites import list_sites  # noqa: PLC0415 - not for --help

    sites = list_sites(find_root(Path.cwd()))
    if as_json:
        listed: list[Json] = [_as_json(site) for site in sites]
        click.echo(encode_json({"schema": 1, "sites": listed}))
        return 0
    rows = [
        (site.name, site.scheduler, str(site.cores), str(site.processes), site.memory, site.walltime, site.title)
        for site in sites
    ]
    print_table(("site", "scheduler", "cores", "processes", "memory", "wall time", "title"), rows)
    return 0


def _show(site: Site, *, as_json: bool) -> int:
    values = _as_json(site)
    if as_json:
        click.echo(encode_json({"schema": 1, "site": values}))
        return 0
    print_table(("key", "value"), [(key, _shown(value)) for key, value in values.items()])
    return 0


def _as_json(site: Site) -> dict[str, Json]:
    values: dict[str, Json] = {
        "name": site.name,
        "file": str(site.path),
        "digest": str(site.digest),
        "title": site.title,
        "scheduler": site.scheduler,
        "queue": site.queue,
        "account": site.account,
        "cores": site.cores,
        "processes": site.processes,
        "memory": site.memory,
        "walltime": site.walltime,
        "interface": site.interface,
        "local_directory": site.local_directory,
        "scratch": site.scratch,
        "binds": list(site.binds),
        "singularity.command": site.singularity.command,
        "singularity.options": list(site.singularity.options),
        "singularity.module": site.singularity.module,
        "environ": dict(site.environ),
        "submit": site.submit,
        "submit_host": site.submit_host,
        "directives": list(site.directives),
        "no_proxy": list(site.no_proxy),
    }
    return values


def _shown(value: Json) -> str:
    match value:
        case None:
            return "-"
        case list():
            return ", ".join(str(one) for one in value) or "-"
        case dict():
            return ", ".join(f"{name}={one}" for name, one in value.items()) or "-"
        case _:
            return str(value)


def _write(site: Site, sif: Path, folder: Path, *, as_json: bool) -> int:
    from bindery.sif.sites import write_site_files  # noqa: PLC0415 - not for --help

    paths = write_site_files(site, sif, folder)
    if as_json:
        files: list[Json] = [str(path) for path in paths]
        click.echo(encode_json({"schema": 1, "folder": str(folder.absolute()), "files": files}))
    else:
        click.echo(folder.absolute())
    return 0


def _check(site: Site, options: CheckOptions, progress: Progress, *, as_json: bool) -> int:
    from bindery.sif.sites import check_site  # noqa: PLC0415 - not for --help

    found = check_site(site, options, environ=os.environ, progress=progress)
    if as_json:
        steps: list[Json] = [
            {"name": one.name, "holds": one.holds, "found": one.what, "fix": one.fix or None} for one in found
        ]
        click.echo(encode_json({"schema": 1, "site": site.name, "checks": steps}))
    else:
        print_table(("what", "", "found"), [(one.name, "ok" if one.holds else "fails", one.what) for one in found])
        _show_fixes(found)
    return 0 if all(one.holds for one in found) else DIFFERS


def _show_fixes(found: Sequence[SiteFinding]) -> None:
    for one in found:
        if not one.holds:
            click.echo(f"error: {one.name}: {one.what}\n  fix: {one.fix}", err=True)


def _check_files(name: str, site: Site, folder: Path, *, as_json: bool) -> int:
    from bindery.sif.sites import find_stale, read_origin  # noqa: PLC0415 - not for --help

    stale = find_stale(site, folder)
    if as_json:
        listed: list[Json] = [{"path": one.path or None, "why": one.why} for one in stale]
        click.echo(encode_json({"schema": 1, "folder": str(folder.absolute()), "stale": listed}))
    else:
        print_table(("file", "why it is stale"), [(one.path or str(folder), one.why) for one in stale])
    if stale:
        words = ["bindery", "site", name, "--sif", str(read_origin(folder).sif), "-o", str(folder)]
        click.echo(f"error: {_counted(stale, folder)}\n  fix: {shlex.join(words)}", err=True)
    return DIFFERS if stale else 0


def _counted(stale: Sequence[Stale], folder: Path) -> str:
    files = sum(bool(one.path) for one in stale)
    return f"{folder}: {'all of it is' if not files else '1 file is' if files == 1 else f'{files} files are'} stale"
