"""What can be checked of a site on the machine that jobs are submitted from, without a job."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bindery.core import ToolFailed, run_process
from bindery.sif.sites.findings import SiteFinding
from bindery.sif.sites.quoting import expand_variables, quote_shell

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bindery.sif.sites.site import Site

PROGRAMS = {"slurm": ("sbatch", "squeue", "scancel", "sinfo"), "pbs": ("qsub", "qstat", "qdel")}
_SIOCGIFADDR = 0x8915
_LIMIT_S = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a program printed; if it failed, why."""

    text: str
    failed: bool = False


def check_placeholders(site: Site) -> SiteFinding:
    """Return whether everything is filled in."""
    left = ", ".join(f"{key} is still {value}" for key, value in site.placeholders)
    return SiteFinding(
        name="values", what=left or "all are filled in", fix=f"fill it in, in {site.path}" if left else ""
    )


def check_folders(site: Site, environ: Mapping[str, str]) -> Iterator[SiteFinding]:
    """Yield whether scratch can be written, and whether what is bound is there."""
    scratch = Path(expand_variables(site.scratch, environ))
    yield _folder(
        "scratch", scratch, os.W_OK, fix=f"mkdir -p {quote_shell(str(scratch))}, or correct scratch in {site.path}"
    )
    for index, bind in enumerate(site.binds):
        source = Path(expand_variables(bind.split(":")[0], environ))
        yield _folder(f"binds[{index}]", source, os.R_OK, fix=f"correct it in {site.path}")


def _folder(name: str, path: Path, access: int, *, fix: str) -> SiteFinding:
    if not path.exists():
        return SiteFinding(name=name, what=f"{path} is not there", fix=fix)
    if not os.access(path, access):
        word = "written" if access == os.W_OK else "read"
        return SiteFinding(name=name, what=f"{path} cannot be {word} by you", fix=fix)
    return SiteFinding(name=name, what=f"{path}")


def check_interface(site: Site) -> SiteFinding:
    """Return whether the network interface is here, and has an address of IPv4."""
    known = {name: address for name in _interfaces() if (address := interface_address(name))}
    if site.interface is None:
        return SiteFinding(name="interface", what=f"{default_address()}, the default route's")
    if site.interface in known:
        return SiteFinding(name="interface", what=f"{site.interface} is {known[site.interface]}")
    there = "has no address" if site.interface in _interfaces() else "is not there"
    others = ", ".join(f"{name} ({address})" for name, address in known.items())
    return SiteFinding(name="interface", what=f"{site.interface} {there}", fix=f"use one of {others}, in {site.path}")


def interface_address(name: str) -> str:
    """Return the interface's address of IPv4, empty if it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            answer = fcntl.ioctl(asked.fileno(), _SIOCGIFADDR, struct.pack("256s", name[:15].encode()))
        except OSError:
            return ""
    return socket.inet_ntoa(answer[20:24])


def default_address() -> str:
    """Return the address from which the rest of the world would be spoken to; no packet is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            asked.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(asked.getsockname()[0])


def check_programs(site: Site, environ: Mapping[str, str]) -> SiteFinding:
    """Return whether the scheduler's programs can be called."""
    programs = PROGRAMS[site.scheduler]
    if site.submit == "ssh":
        script = " && ".join(f"command -v {one}" for one in programs)
        done = ask(["ssh", "-o", "BatchMode=yes", str(site.submit_host), script], environ)
        if done.failed:
            fix = f"let ssh {site.submit_host} work without a password, or correct submit_host in {site.path}"
            return SiteFinding(
                name="scheduler", what=f"{site.submit_host} has not {', '.join(programs)}: {done.text}", fix=fix
            )
        return SiteFinding(name="scheduler", what=f"{', '.join(programs)} on {site.submit_host}")
    missing = [one for one in programs if shutil.which(one, path=environ.get("PATH")) is None]
    if missing:
        fix = f"call this on the machine where jobs are submitted, or correct scheduler in {site.path}"
        return SiteFinding(name="scheduler", what=f"there is no {', '.join(missing)} on PATH", fix=fix)
    return SiteFinding(name="scheduler", what=", ".join(programs))


def check_queue(site: Site, environ: Mapping[str, str]) -> SiteFinding:
    """Return whether the scheduler has the queue, or one for whoever names none."""
    words = ["sinfo", "-h", "-o", "%P"] if site.scheduler == "slurm" else ["qstat", "-Q"]
    listed = ask(scheduler_words(site, words), environ)
    if listed.failed:
        return SiteFinding(
            name="queue", what=f"{' '.join(words)}: {listed.text}", fix="ask those who run the scheduler"
        )
    queues = _queues(site, listed.text)
    known = ", ".join(queues) or "none"
    if site.queue is None:
        has_default = site.scheduler == "pbs" or any(one.endswith("*") for one in listed.text.split())
        fix = "" if has_default else f"name one of {known} as queue, in {site.path}"
        return SiteFinding(name="queue", what="the default" if has_default else "there is no default", fix=fix)
    if site.queue not in queues:
        fix = f"use one of {known}, in {site.path}"
        return SiteFinding(name="queue", what=f"there is no {site.queue}", fix=fix)
    return SiteFinding(name="queue", what=site.queue)


def check_singularity(site: Site, environ: Mapping[str, str]) -> SiteFinding:
    """Return whether Singularity can be called here, after its module was loaded if it is one."""
    command = f"{quote_shell(site.singularity.command)} --version"
    module = site.singularity.module
    script = f"module load {quote_shell(module)} >&2 && {command}" if module else command
    done = ask(["bash", "-lc" if module else "-c", script], environ)
    if done.failed:
        fix = f"correct singularity.command or singularity.module in {site.path}"
        return SiteFinding(name="singularity", what=f"{script}: {done.text}", fix=fix)
    return SiteFinding(name="singularity", what=done.text.strip())


def scheduler_words(site: Site, words: Sequence[str]) -> list[str]:
    """Return the words that call a program of the scheduler, where that is: here, or on the submit host."""
    if site.submit == "host":
        return list(words)
    return ["ssh", "-o", "BatchMode=yes", str(site.submit_host), " ".join(quote_shell(word) for word in words)]


def _queues(site: Site, listed: str) -> tuple[str, ...]:
    lines = listed.splitlines()
    if site.scheduler == "slurm":
        return tuple(sorted({line.strip().rstrip("*") for line in lines if line.strip()}))
    # A heading, a rule of hyphens, and a queue a line.
    rule = next((number for number, line in enumerate(lines) if line.startswith("---")), -1)
    return tuple(sorted({line.split()[0] for line in lines[rule + 1 :] if line.strip()}))


def _interfaces() -> tuple[str, ...]:
    return tuple(name for _, name in socket.if_nameindex())


def ask(words: Sequence[str], environ: Mapping[str, str]) -> Answer:
    """Return what the program printed, or why it failed."""
    try:
        done = run_process(words, env=environ, cwd=Path("/"), timeout_s=_LIMIT_S)
    except ToolFailed as failed:
        return Answer(text=failed.what.replace("\n  | ", "; "), failed=True)
    return Answer(text=done.stdout.decode(errors="replace"))
