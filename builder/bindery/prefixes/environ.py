"""The variables of a process in a prefix: the prefix's own, and the caller's without what would break them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bindery.core import BadInput, BinderyError, Store, encode_json, parse_json, run_process, write_file
from bindery.prefixes.record import PREFIXES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ACTIVATIONS = "activations"
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
TIMEOUT_S = 60.0
# What a caller's own installation left behind: it would load other modules, libraries or data than the prefix's.
_FOREIGN = re.compile(
    r"(PYTHON|CONDA|_CE_|LD_|DYLD_|MAMBA_|PIXI_).*|VIRTUAL_ENV.*|__PYVENV_LAUNCHER__|GDAL_(DATA|DRIVER_PATH)|PROJ_(DATA|LIB)"
)
# Those of them that matter to a kernel, whose specification can only name what it takes away.
FOREIGN_NAMES = (
    "CONDA_EXE",
    "CONDA_PYTHON_EXE",
    "CONDA_SHLVL",
    "GDAL_DATA",
    "GDAL_DRIVER_PATH",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "PROJ_DATA",
    "PROJ_LIB",
    "PYTHONHOME",
    "PYTHONOPTIMIZE",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "PYTHONUSERBASE",
    "PYTHONWARNINGS",
    "VIRTUAL_ENV",
)
_SHELLS_OWN = frozenset({"_", "SHLVL", "PWD", "OLDPWD", "PATH", "HOME", "LC_ALL"})
_SOURCE_ALL = 'for script in "$@"; do . "$script"; done >/dev/null 2>&1 </dev/null; exec /usr/bin/env -0'


def process_environ(prefix: Path, base: Mapping[str, str]) -> dict[str, str]:
    """Return the variables for a process of the prefix that somebody with the variables ``base`` starts.

    Raises:
        BadInput: a file of variables in the prefix is damaged.
        ToolFailed: its activation scripts cannot be run.

    """
    kept = {name: value for name, value in base.items() if not _FOREIGN.fullmatch(name)}
    path = f"{prefix}/bin:{kept.get('PATH') or SYSTEM_PATH}"
    return {**kept, **prefix_variables(prefix), "PATH": path}


def prefix_variables(prefix: Path) -> dict[str, str]:
    """Return what the prefix itself sets, but for PATH.

    Raises:
        BadInput: a file of variables in the prefix is damaged.
        ToolFailed: its activation scripts cannot be run.

    """
    return {
        **ensure_activation(prefix),
        "CONDA_PREFIX": str(prefix),
        "CONDA_DEFAULT_ENV": str(prefix),
        "PYTHONNOUSERSITE": "1",
        # The prefix has its bytecode; what is written into it later would be found by `bindery verify`.
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def ensure_activation(prefix: Path) -> dict[str, str]:
    """Return what the prefix's packages set when it is activated, worked out once and kept beside it in the store.

    Raises:
        BadInput: a file of variables in the prefix is damaged.
        ToolFailed: its activation scripts cannot be run.

    """
    if not any((prefix / "etc" / "conda" / name).is_dir() for name in ("activate.d", "env_vars.d")):
        return {}
    if prefix.parent.name != PREFIXES:
        return _activate(prefix)
    kept = Store(prefix.parent.parent).path(ACTIVATIONS, prefix.name)
    if kept.is_file():
        return parse_variables(kept.read_bytes(), kept)
    found = _activate(prefix)
    try:
        write_file(kept, encode_json(dict(found), indent=1))
    except BinderyError:
        return found  # a store that only others may write to
    return found


def _activate(prefix: Path) -> dict[str, str]:
    variables: dict[str, str] = {}
    for path in sorted((prefix / "etc" / "conda" / "env_vars.d").glob("*.json")):
        variables |= parse_variables(path.read_bytes(), path)
    scripts = sorted((prefix / "etc" / "conda" / "activate.d").glob("*.sh"))
    if not scripts:
        return variables
    before = {
        **variables,
        "PATH": f"{prefix}/bin:{SYSTEM_PATH}",
        "HOME": "/nonexistent",
        "LC_ALL": "C.UTF-8",
        "CONDA_PREFIX": str(prefix),
        "CONDA_DEFAULT_ENV": str(prefix),
        "CONDA_SHLVL": "1",
    }
    command: list[str | Path] = ["/bin/bash", "--noprofile", "--norc", "-c", _SOURCE_ALL, "bindery", *scripts]
    finished = run_process(command, env=before, cwd=prefix, timeout_s=TIMEOUT_S)
    after = dict(
        pair.split("=", 1) for pair in finished.stdout.decode(errors="surrogateescape").split("\0") if "=" in pair
    )
    changed = {name: value for name, value in after.items() if before.get(name) != value and name not in _SHELLS_OWN}
    return variables | dict(sorted(changed.items()))


def parse_variables(data: bytes, path: Path) -> dict[str, str]:
    """Return the variables of a file of ``env_vars.d``.

    Raises:
        BadInput: it is not a mapping of texts.

    """
    try:
        value = parse_json(data)
    except ValueError as error:
        raise BadInput(f"is not JSON: {error}", str(path)) from error
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise BadInput("is not a mapping of names to texts", str(path))
    return {name: str(item) for name, item in value.items()}
