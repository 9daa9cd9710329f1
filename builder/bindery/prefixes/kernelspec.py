"""Kernels that a user's Jupyter offers, run by a prefix.

Source: Jupyter's documentation, "Kernel specs". The folder of user data is the one that jupyter_core would take.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bindery.core import encode_json, write_file
from bindery.prefixes.environ import FOREIGN_NAMES, prefix_variables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bindery.prefixes.install import Prefix


def kernel_name(environment: str) -> str:
    """Return the name by which notebooks call the environment's kernel."""
    return f"bindery-{environment.lower()}"


def register_kernel(prefix: Prefix, environment: str, base: Mapping[str, str]) -> Path:
    """Put the environment's kernel among those of the user whose variables are ``base``; return its ``kernel.json``.

    A kernel of the same name is replaced in one step.

    Raises:
        BadInput: the prefix has no Python.
        ToolFailed: the folder cannot be written.

    """
    path = user_data_folder(base) / "kernels" / kernel_name(environment) / "kernel.json"
    write_file(path, encode_kernel(prefix))
    return path


def encode_kernel(prefix: Prefix) -> bytes:
    """Return the kernel's specification: ``env`` takes away what the server's variables would break.

    Raises:
        BadInput: the prefix has no Python.

    """
    variables = prefix_variables(prefix.path)
    unset = [word for name in FOREIGN_NAMES if name not in variables for word in ("-u", name)]
    start = [str(prefix.python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    return encode_json(
        {
            "argv": ["env", *unset, *start],
            "display_name": prefix.label,
            "env": {**variables, "PATH": f"{prefix.path}/bin:${{PATH}}"},
            "interrupt_mode": "signal",
            "language": "python",
            "metadata": {"bindery": {"lock": str(prefix.lock_digest), "prefix": str(prefix.path)}, "debugger": True},
        },
        indent=1,
    )


def user_data_folder(base: Mapping[str, str]) -> Path:
    """Return where the user's own Jupyter data is: ``JUPYTER_DATA_DIR``, else the platform's place."""
    chosen = base.get("JUPYTER_DATA_DIR")
    if chosen:
        return Path(chosen).expanduser().absolute()
    home = Path(base.get("HOME") or Path.home())
    if sys.platform == "darwin":
        return home / "Library" / "Jupyter"
    data = base.get("XDG_DATA_HOME")
    return (Path(data) if data else home / ".local" / "share") / "jupyter"
