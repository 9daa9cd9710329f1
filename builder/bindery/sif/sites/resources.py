"""What a job asks the scheduler for, in the scheduler's own words, rounded as dask-jobqueue rounds it."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bindery.sif.sites.site import Site

_UNITS = {
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
_AMOUNT = re.compile(r"([0-9.]+) ?([A-Za-z]+)")
# What both call G and M are powers of two.
_SIZES = ((2**30, "G"), (2**20, "M"))


def memory_bytes(memory: str) -> int:
    """Return how many bytes ``120GB`` or ``64GiB`` are."""
    found = _AMOUNT.fullmatch(memory)
    if found is None:
        raise ValueError(f"{memory!r} is no amount of memory")
    return int(float(found[1]) * _UNITS[found[2]])


def job_directives(site: Site, job: str) -> tuple[str, ...]:
    """Return what follows ``#SBATCH`` or ``#PBS``, a line each, in a job of this name that has all of a job's cores."""
    name, queue = ("-J", "-p") if site.scheduler == "slurm" else ("-N", "-q")
    chosen = [f"{flag} {value}" for flag, value in ((queue, site.queue), ("-A", site.account)) if value]
    memory = _amount(memory_bytes(site.memory))
    if site.scheduler == "slurm":
        sizes = ["-n 1", f"--cpus-per-task={site.cores}", f"--mem={memory}", f"-t {site.walltime}"]
    else:
        sizes = [f"-l select=1:ncpus={site.cores}:mem={memory}B", f"-l walltime={site.walltime}"]
    return (f"{name} {job}", *chosen, *sizes, *site.directives)


def _amount(size_bytes: int) -> str:
    for unit, letter in _SIZES:
        if size_bytes >= unit:
            return f"{math.ceil(size_bytes / unit)}{letter}"
    return "1M"
