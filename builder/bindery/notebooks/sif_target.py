"""Notebooks inside a SIF: kernels, scheduler and workers are processes of the SIF's own Python.

Everything that runs a target's Python calls a program by its path, so the SIF's Python is given a path: a script that
enters the SIF.
"""

from __future__ import annotations

import json
import os
import shlex
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import bindery
from bindery.clusters import write_shims
from bindery.core import ToolFailed, host_platform, run_process, write_file
from bindery.notebooks.target import AS_INSTALLED, Target
from bindery.notebooks.workplace import make_workplace
from bindery.prefixes import FOREIGN_NAMES
from bindery.sif.sites import Singularity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bindery.sif.sites import Site

PROGRAMS = ("apptainer", "singularity")
LIMIT_S = 300.0
# The image says where its own things are; what the caller has chosen for this run is HOME, and shims come before all.
_INSIDE = 'HOME=$1; export HOME; PATH=$2$PATH; shift 2; exec python "$@"'
_ASK = "import json, os; print(json.dumps({k: v for k, v in os.environ.items() if k.startswith('BINDERY_')}))"


@contextmanager
def open_sif_target(sif: Path, site: Site | None, parent: Path, environ: Mapping[str, str]) -> Iterator[Target]:
    """Hold a target whose Python is the SIF's own, while the context lasts.

    ``parent`` is the folder in which this run's folders are made. At a site, the SIF sees what the site binds, and the
    commands of its queue: they call the submit host by ssh.

    Raises:
        ToolFailed: neither Apptainer nor Singularity is there, or the SIF does not run.

    """
    called = site.singularity if site is not None else Singularity(command=_find_program(environ))
    kept = {name: value for name, value in environ.items() if name not in FOREIGN_NAMES and name != "BINDERY_LOCK"}
    with make_workplace(parent) as folder:
        shims = write_shims(folder / "bin", site.submit_host) if site is not None and site.submit_host else None
        if shims is not None:
            kept["PATH"] = f"{shims}:{kept.get('PATH', '')}"  # they work out here as well
        binds = [*(site.binds if site is not None else ()), str(parent), f"{Path(bindery.__file__).parent}"]
        python = folder / "python"
        text = _script(called, [os.path.expandvars(bind) for bind in binds], sif, shims)
        write_file(python, text.encode(), 0o700)
        finished = run_process([python, "-P", "-s", "-c", _ASK], env=kept, cwd=folder, timeout_s=LIMIT_S)
        said: dict[str, str] = json.loads(finished.stdout)
        yield Target(
            environment=said.get("BINDERY_ENVIRONMENT", sif.name),
            release=said.get("BINDERY_RELEASE"),
            packages=said.get("BINDERY_PACKAGES", AS_INSTALLED),
            lock_digest=said.get("BINDERY_LOCK", ""),
            platform=host_platform(),
            python=python,
            environ=kept,
        )


def _script(called: Singularity, binds: Sequence[str], sif: Path, shims: Path | None) -> str:
    words = [called.command, "exec", *called.options]
    for bind in binds:
        words += ["--bind", bind]
    words += [str(sif.absolute()), "/bin/sh", "-c", _INSIDE, "python"]
    path = f"{shims}:" if shims is not None else ""
    return f'#!/bin/sh\nexec {shlex.join(words)} "$HOME" {shlex.quote(path)} "$@"\n'


def _find_program(environ: Mapping[str, str]) -> str:
    for folder in environ.get("PATH", "").split(":"):
        for name in PROGRAMS:
            if folder and os.access(Path(folder, name), os.X_OK):
                return name
    raise ToolFailed("neither apptainer nor singularity is on PATH", "--sif", "install Apptainer, or load its module")
