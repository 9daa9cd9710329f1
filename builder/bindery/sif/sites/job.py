"""One job of the site, submitted to see what a worker would see on a node."""

from __future__ import annotations

import re
import secrets
import socket
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bindery.core import write_file
from bindery.sif.sites.findings import SiteFinding
from bindery.sif.sites.here import ask, default_address, interface_address, scheduler_words
from bindery.sif.sites.quoting import expand_variables
from bindery.sif.sites.render import make_templates
from bindery.sif.sites.resources import job_directives

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bindery.core import Progress
    from bindery.sif.sites.site import Site

_SUBMIT = {"slurm": ("sbatch", "--parsable"), "pbs": ("qsub",)}
_CANCEL = {"slurm": "scancel", "pbs": "qdel"}
_STATE = {"slurm": ("squeue", "-h", "-o", "%T %r", "-j"), "pbs": ("qstat",)}
_INTERVAL_S = 0.5
_FIXES = {
    "interface": "name an interface that nodes have as interface, in {path}",
    "local_directory": "name a folder of the node's own disk as local_directory, in {path}",
    "singularity": "correct singularity.command or singularity.module in {path}",
    "worker": "try the same by hand: {command} exec {sif} python -c 'import distributed'",
    "network": "nodes must reach this machine: name the fast network's interface, in {path}, or ask about a firewall",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckJob:
    """A job that is to be submitted: for this site, with this SIF if there is one, within so many seconds."""

    site: Site
    sif: Path | None
    timeout_s: float


def check_job(job: CheckJob, environ: Mapping[str, str], progress: Progress) -> Iterator[SiteFinding]:
    """Yield what the job found on its node; it is gone afterwards, whatever happens."""
    site = job.site
    place = Path(expand_variables(site.scratch, environ)) / f".bindery-check-{secrets.token_hex(4)}"
    report, script = place.with_suffix(".report"), place.with_suffix(".sh")
    try:
        with _listening(site) as (address, port):
            write_file(script, _script(job, report, address, port), mode=0o755)
            words = [*_SUBMIT[site.scheduler], *_output(site, place), str(script)]
            submitted = ask(scheduler_words(site, words), environ)
            found = None if submitted.failed else re.search(r"[0-9]+[^\s;]*", submitted.text)
            if found is None:
                fix = f"ask for what the queue allows: cores, memory, walltime, account in {site.path}"
                yield SiteFinding(name="job", what=f"was refused: {submitted.text.strip()}", fix=fix)
                return
            progress.say(f"job {found[0]} is submitted; it has {job.timeout_s:g} s")
            yield from _watch(job, found[0], report, environ)
    finally:
        for path in place.parent.glob(f"{place.name}*"):
            with suppress(OSError):
                path.unlink()


def _watch(job: CheckJob, number: str, report: Path, environ: Mapping[str, str]) -> Iterator[SiteFinding]:
    site = job.site
    start_s = time.monotonic()
    try:
        while not report.exists():
            if time.monotonic() - start_s > job.timeout_s:
                yield _late(job, number, report, environ)
                return
            time.sleep(_INTERVAL_S)
    finally:
        ask(scheduler_words(site, [_CANCEL[site.scheduler], number]), environ)
    values = {"path": site.path, "command": site.singularity.command, "sif": job.sif}
    for line in report.read_text(encoding="utf-8", errors="replace").splitlines():
        name, holds, what = line.split("\t", 2)
        if name == "node":
            yield SiteFinding(name="job", what=f"{number} ran on {what}")
            continue
        fix = "" if holds == "yes" else _FIXES.get(name, "correct it in {path}").format(**values)
        yield SiteFinding(name=f"{name} on the node", what=what if holds == "yes" else _told(name, what, site), fix=fix)


def _late(job: CheckJob, number: str, report: Path, environ: Mapping[str, str]) -> SiteFinding:
    state = ask(scheduler_words(job.site, [*_STATE[job.site.scheduler], number]), environ)
    last = (state.text.strip().splitlines() or ["it is gone"])[-1]
    said = report.with_suffix(".out")
    output = said.read_text(encoding="utf-8", errors="replace").strip().splitlines() if said.is_file() else []
    more = f"; it said: {output[-1]}" if output else ""
    fix = "wait for a free node with --timeout, ask for less, or see whether nodes have the same scratch"
    return SiteFinding(name="job", what=f"{number} has not reported within {job.timeout_s:g} s: {last}{more}", fix=fix)


def _told(name: str, what: str, site: Site) -> str:
    match name:
        case "interface":
            return f"there is no {site.interface}: the node {what}"
        case "local_directory":
            return f"cannot be written: {what}"
        case "network":
            return f"cannot reach {what}"
        case "singularity" | "worker":
            return f"failed: {what}"
        case _:
            return f"{what} cannot be read"


def _output(site: Site, place: Path) -> list[str]:
    output = str(place.with_suffix(".out"))
    return ["-o", output] if site.scheduler == "slurm" else ["-j", "oe", "-o", output]


def _script(job: CheckJob, report: Path, address: str, port: int) -> str:
    return (
        make_templates()
        .get_template("check.sh.j2")
        .render(
            site=job.site,
            directives=job_directives(job.site, "bindery-check"),
            report=str(report),
            sif=str(job.sif) if job.sif else "",
            address=address,
            port=port,
        )
    )


@contextmanager
def _listening(site: Site) -> Iterator[tuple[str, int]]:
    """Give an address at which this machine can be reached, as Dask's scheduler would be."""
    address = (interface_address(site.interface) if site.interface else "") or default_address()
    with socket.create_server((address, 0)) as server:
        yield address, server.getsockname()[1]
