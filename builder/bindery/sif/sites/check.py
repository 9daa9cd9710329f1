"""A site, tried: here first, then on a node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bindery.sif.sites.here import (
    check_folders,
    check_interface,
    check_placeholders,
    check_programs,
    check_queue,
    check_singularity,
)
from bindery.sif.sites.job import CheckJob, check_job

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from bindery.core import Progress
    from bindery.sif.sites.findings import SiteFinding
    from bindery.sif.sites.site import Site


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckOptions:
    """With which SIF a worker is tried, if any, and for how many seconds the job may wait and run."""

    sif: Path | None = None
    timeout_s: float = 300.0


def check_site(
    site: Site, options: CheckOptions, *, environ: Mapping[str, str], progress: Progress
) -> tuple[SiteFinding, ...]:
    """Return what was found, in the order in which it was tried. No job is submitted that could not work."""
    found: list[SiteFinding] = []
    with progress.task(f"checking {site.name}", None, "steps") as task:
        for one in _findings(site, options, environ, progress):
            found.append(one)
            task.advance()
    return tuple(found)


def _findings(
    site: Site, options: CheckOptions, environ: Mapping[str, str], progress: Progress
) -> Iterator[SiteFinding]:
    values = check_placeholders(site)
    yield values
    ready = values.holds
    for one in _here(site, environ):
        # What is missing here may be there on the nodes, but not the scheduler and not the place for the report.
        ready = ready and (one.holds or one.name not in {"scratch", "scheduler", "queue"})
        yield one
    if ready:
        yield from check_job(CheckJob(site=site, sif=options.sif, timeout_s=options.timeout_s), environ, progress)


def _here(site: Site, environ: Mapping[str, str]) -> Iterator[SiteFinding]:
    yield from check_folders(site, environ)
    yield check_interface(site)
    programs = check_programs(site, environ)
    yield programs
    if programs.holds:
        yield check_queue(site, environ)
    yield check_singularity(site, environ)
