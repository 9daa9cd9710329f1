"""What a job of a site runs before its worker, and how the worker's Python is called: in the SIF, or in the prefix."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from bindery.prefixes import FOREIGN_NAMES, process_environ
from bindery.sif.sites import site_environ

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from bindery.sif.sites import Site

_SPECIAL = re.compile(r'(["\\`]|\$(?!(?:[A-Za-z_][A-Za-z0-9_]*|\{[A-Za-z_][A-Za-z0-9_]*\})))')
_PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")


def quote_expanding(text: str) -> str:
    """Return the text as one word for a shell, in which ``$NAME`` and ``${NAME}`` are expanded and nothing else is."""
    return text if _PLAIN.fullmatch(text) else '"' + _SPECIAL.sub(r"\\\1", text) + '"'


def local_directory(site: Site) -> str:
    """Return the folder on a node for what workers spill; where the scheduler gives none, it is /tmp."""
    return '"${TMPDIR:-/tmp}"' if site.local_directory == "$TMPDIR" else quote_expanding(site.local_directory)


def sif_python(site: Site, sif: Path, folders: Iterable[Path]) -> str:
    """Return the words that run the SIF's Python on a node of the site; the folders are there as they are here."""
    binds = [*site.binds, *dict.fromkeys(map(str, folders))]
    words = [site.singularity.command, "exec", *site.singularity.options]
    quoted = [quote_expanding(word) for word in words]
    for bind in binds:
        quoted += ["--bind", quote_expanding(bind)]
    return " ".join([*quoted, shlex.quote(str(sif)), "python"])


def sif_prologue(site: Site, own: Mapping[str, str]) -> tuple[str, ...]:
    """Return the lines before a worker in a SIF; ``own`` are variables of the cluster's."""
    module = site.singularity.module
    lines = (f"module load {quote_expanding(module)}",) if module else ()
    # A queue that hands the submitting process's variables on must not say for the SIF what is in it.
    return (*lines, "unset BINDERY_LOCK", *_exports(site, own))


def prefix_prologue(site: Site, prefix: Path, own: Mapping[str, str]) -> tuple[str, ...]:
    """Return the lines before a worker in a prefix that nodes see where it is here."""
    found = {name: value for name, value in process_environ(prefix, {}).items() if name != "PATH"}
    lines = [f"unset BINDERY_LOCK {' '.join(FOREIGN_NAMES)}", *_exports(site, own)]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in found.items()]
    return (*lines, f"export PATH={shlex.quote(f'{prefix}/bin')}:$PATH")


def _exports(site: Site, own: Mapping[str, str]) -> tuple[str, ...]:
    lines = [f"export {name}={quote_expanding(value)}" for name, value in site_environ(site).items()]
    return (*lines, *(f"export {name}={shlex.quote(value)}" for name, value in own.items()))
