"""conda's platforms and the OCI specification's architectures, converted here and nowhere else."""

from __future__ import annotations

import platform as host
import sys

from bindery.core.errors import ToolFailed

NOARCH = "noarch"
PLATFORMS = ("linux-64", "linux-aarch64", "osx-64", "osx-arm64")
_HOST = {
    ("linux", "x86_64"): "linux-64",
    ("linux", "aarch64"): "linux-aarch64",
    ("darwin", "x86_64"): "osx-64",
    ("darwin", "arm64"): "osx-arm64",
}


def host_platform() -> str:
    """Return conda's word for this machine.

    Raises:
        ToolFailed: conda has no word for it that Bindery knows.

    """
    found = _HOST.get((sys.platform, host.machine()))
    if found is None:
        raise ToolFailed(
            f"{sys.platform} on {host.machine()} is not supported", fix=f"use one of {', '.join(PLATFORMS)}"
        )
    return found
