"""conda's platforms and the OCI specification's architectures, converted here and nowhere else."""

from __future__ import annotations

import platform as host
import sys

from bindery.core.errors import BadInput, ToolFailed

NOARCH = "noarch"
PLATFORMS = ("linux-64", "linux-aarch64", "osx-64", "osx-arm64")
_HOST = {
    ("linux", "x86_64"): "linux-64",
    ("linux", "aarch64"): "linux-aarch64",
    ("darwin", "x86_64"): "osx-64",
    ("darwin", "arm64"): "osx-arm64",
}
_OCI = {"linux-64": ("linux", "amd64"), "linux-aarch64": ("linux", "arm64")}


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


def oci_platform(platform: str) -> tuple[str, str]:
    """Return OCI's operating system and architecture for conda's platform.

    Raises:
        BadInput: there are no images of that platform.

    """
    found = _OCI.get(platform)
    if found is None:
        raise BadInput(f"there are no images for {platform}", fix=f"use one of {', '.join(_OCI)}")
    return found


def conda_platform(system: str, architecture: str) -> str:
    """Return conda's platform for OCI's operating system and architecture.

    Raises:
        BadInput: conda has no word for it that Bindery knows.

    """
    for platform, found in _OCI.items():
        if found == (system, architecture):
            return platform
    raise BadInput(f"{system}/{architecture} is not supported", fix=f"use an image for one of {', '.join(_OCI)}")
