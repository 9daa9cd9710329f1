"""Which Python compiles a prefix: its own where it runs, else one on this machine that writes the same bytecode.

The form of bytecode has a magic number, which a minor version keeps from its first release candidate on (Python's
developer's guide, "The bytecode interpreter"): any final 3.12 writes what a final 3.12 reads, on every processor.
"""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bindery.core import ToolFailed, host_platform, run_process

if TYPE_CHECKING:
    from bindery.environments import Realised

TIMEOUT_S = 30.0
_FINAL = re.compile(r"3\.\d+\.\d+")
_ASK = "import sys; print('%d.%d.%d %s %s' % (*sys.version_info[:4], sys.implementation.name))"


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python that compiles; without a path it is the prefix's own."""

    version: str
    path: Path | None = None


def choose_interpreter(realised: Realised) -> Interpreter | None:
    """Return the Python that compiles the environment's sources; None if there is none, or nothing to compile."""
    version = next((package.version for package in realised.installed if package.name == "python"), None)
    if version is None:
        return None
    if realised.platform == host_platform():
        return Interpreter(version)
    minor = ".".join(version.split(".")[:2])
    if not _FINAL.fullmatch(version):
        return None
    candidates = [Path(sys.executable)] if minor == f"{sys.version_info.major}.{sys.version_info.minor}" else []
    named = shutil.which(f"python{minor}")
    candidates += [Path(named)] if named else []
    found = [found for candidate in candidates if (found := _ask(candidate, minor))]
    return next((one for one in found if one.version == version), found[0] if found else None)


def _ask(path: Path, minor: str) -> Interpreter | None:
    try:
        answer = run_process([path, "-I", "-S", "-c", _ASK], env={}, cwd=Path("/"), timeout_s=TIMEOUT_S).stdout
    except ToolFailed:
        return None  # a shim whose Python is not there
    version, _, rest = answer.decode(errors="replace").strip().partition(" ")
    return Interpreter(version, path) if rest == "final cpython" and version.startswith(f"{minor}.") else None
