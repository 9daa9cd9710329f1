"""Interpreters on this machine, of which a wheel channel takes one."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bindery.core import BadInput, ToolFailed, parse_json, run_process
from bindery.environments.wheels.elf import parse_needs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bindery.core import Json

_PROBE = """
import json, os, sys, sysconfig
print(json.dumps({
    "version": "%d.%d.%d" % sys.version_info[:3],
    "implementation": sys.implementation.name,
    "executable": os.path.realpath(sys.executable),
    "base_executable": os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable),
    "prefix": os.path.realpath(sys.prefix),
    "base_prefix": os.path.realpath(sys.base_prefix),
    "stdlib": os.path.realpath(sysconfig.get_path("stdlib")),
    "include": os.path.realpath(sysconfig.get_path("include", "posix_prefix")),
    "library": sysconfig.get_config_var("INSTSONAME") if sysconfig.get_config_var("Py_ENABLE_SHARED") else None,
    "library_folder": sysconfig.get_config_var("LIBDIR"),
    "level": sys.version_info.releaselevel,
}))
"""
_PROBE_S = 20.0
_MINOR = re.compile(r"3\.\d+")
_FULL = re.compile(r"3\.\d+\.\d+")
DISTRIBUTIONS_OWN = Path("/usr/bin/python3")


@dataclass(frozen=True, kw_only=True, slots=True)
class Interpreter:
    """A CPython that is no virtual environment's. ``library`` is its shared libpython, if it has one."""

    version: str
    executable: Path
    base_prefix: Path
    stdlib: Path
    include: Path
    library: Path | None

    @property
    def minor(self) -> str:
        """Such as ``3.12``."""
        return ".".join(self.version.split(".")[:2])


@dataclass(frozen=True, slots=True)
class _Answer:
    version: str
    implementation: str
    executable: str
    base_executable: str
    prefix: str
    base_prefix: str
    stdlib: str
    include: str
    library: str
    library_folder: str
    level: str


def choose_interpreter(
    wanted: str | None, preferred: str | None, minors: Sequence[str], environ: Mapping[str, str], fix: str
) -> Interpreter:
    """Return the interpreter that is wanted, a version or a path; without a wish, the one that fits best.

    That is one of the preferred minor version if it is here, else the distribution's own, else any that has pins.
    ``minors`` are the minor versions for which there are pins.

    Raises:
        BadInput: what is wanted is not here, is no CPython, or has no pins.

    """
    if wanted is not None:
        found = _find_wanted(wanted, environ)
        if found.minor not in minors:
            have = ", ".join(minors) or "none"
            raise BadInput(f"there are no pins of wheels for Python {found.minor} (there are: {have})", wanted, fix)
        return found
    if preferred is not None and preferred in minors:
        for found in find_interpreters(preferred, environ):
            return found
    own = _try(DISTRIBUTIONS_OWN, environ)
    if own is not None and own.minor in minors:
        return own
    for minor in minors:
        for found in find_interpreters(minor, environ):
            return found
    raise BadInput(
        f"there is no Python {' or '.join(minors)} on this machine, and wheels are pinned for no other",
        fix="install one, or name one that is not on PATH: --python /path/to/python3",
    )


def _find_wanted(wanted: str, environ: Mapping[str, str]) -> Interpreter:
    if _MINOR.fullmatch(wanted) or _FULL.fullmatch(wanted):
        for found in find_interpreters(wanted, environ):
            return found
        raise BadInput(
            f"there is no Python {wanted} on this machine",
            fix="looked on PATH, in pyenv's versions, /usr/local/bin and /usr/bin; a path may be given: --python /path",
        )
    if os.sep not in wanted:
        raise BadInput(f"{wanted!r} is neither a version such as 3.12 nor a path", "--python")
    path = Path(wanted).absolute()
    answer = _probe(path, environ)
    if answer.implementation != "cpython":
        raise BadInput(f"is {answer.implementation}, and wheel channels are made with CPython", str(path))
    if answer.prefix != answer.base_prefix:
        raise BadInput("is the Python of a virtual environment", str(path), f"--python {answer.base_executable}")
    return _interpreter(answer)


def find_interpreters(version: str, environ: Mapping[str, str]) -> Iterator[Interpreter]:
    """Yield this machine's interpreters of this version: those on PATH first, then pyenv's, newest first."""
    minor = ".".join(version.split(".")[:2])
    seen: set[Path] = set()
    for candidate in _candidates(minor, environ):
        if not candidate.is_file() or not os.access(candidate, os.X_OK):
            continue
        real = candidate.resolve()
        if real in seen:
            continue
        seen.add(real)
        found = _try(candidate, environ)
        if found is not None and version in {found.minor, found.version}:
            yield found


def _candidates(minor: str, environ: Mapping[str, str]) -> Iterator[Path]:
    roots = [Path(environ["PYENV_ROOT"])] if environ.get("PYENV_ROOT") else []
    folders = [Path(folder) for folder in environ.get("PATH", "").split(os.pathsep) if folder]
    for folder in folders:
        if folder.name == "shims" and (folder.parent / "versions").is_dir():
            # pyenv's shims choose by the working folder; what they choose from lies beside them.
            roots.append(folder.parent)
        elif not (folder.parent / "pyvenv.cfg").is_file():
            yield from (folder / f"python{minor}", folder / "python3")
    if environ.get("HOME"):
        roots.append(Path(environ["HOME"]) / ".pyenv")
    for root in dict.fromkeys(roots):
        versions = (path for path in (root / "versions").glob(f"{minor}.*") if _FULL.fullmatch(path.name))
        for path in sorted(versions, key=lambda path: -int(path.name.rpartition(".")[2])):
            yield path / "bin" / f"python{minor}"
    for folder in (Path("/usr/local/bin"), Path("/usr/bin")):
        yield from (folder / f"python{minor}", folder / "python3")


def _try(path: Path, environ: Mapping[str, str]) -> Interpreter | None:
    try:
        answer = _probe(path, environ)
    except (BadInput, ToolFailed):
        return None
    usable = answer.implementation == "cpython" and answer.level == "final" and answer.prefix == answer.base_prefix
    return _interpreter(answer) if usable else None


def _interpreter(answer: _Answer) -> Interpreter:
    library = None
    # Debian's program is linked statically, though a libpython may lie beside it.
    if answer.library and answer.library in parse_needs(Path(answer.executable).read_bytes()).libraries:
        folders = (Path(answer.library_folder), Path(answer.base_prefix) / "lib")
        library = next((folder / answer.library for folder in folders if (folder / answer.library).is_file()), None)
    return Interpreter(
        version=answer.version,
        executable=Path(answer.executable),
        base_prefix=Path(answer.base_prefix),
        stdlib=Path(answer.stdlib),
        include=Path(answer.include),
        library=library,
    )


def _probe(path: Path, environ: Mapping[str, str]) -> _Answer:
    if not path.is_file():
        raise BadInput("there is no such file", str(path))
    if not path.stat().st_mode & stat.S_IXUSR:
        raise BadInput("cannot be executed", str(path))
    try:
        done = run_process(
            [path, "-I", "-S", "-c", _PROBE], env=clean_environ(environ), cwd=Path("/"), timeout_s=_PROBE_S
        )
        answer = parse_json(done.stdout)
    except (ToolFailed, ValueError) as error:
        raise BadInput("is not a Python interpreter", str(path)) from error
    if not isinstance(answer, dict):
        raise BadInput("is not a Python interpreter", str(path))
    return _Answer(**{name: _text(value) for name, value in answer.items()})


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def clean_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without what would make an interpreter another one."""
    foreign = ("PYTHON", "LD_", "VIRTUAL_ENV", "CONDA_")
    return {name: value for name, value in environ.items() if not name.startswith(foreign)}
