"""Which packages an installation holds, as its own Python sees them. A script of its own; imports nothing of Bindery.

    python identity.py                prints the identity as JSON

Workers of a batch queue load it before they do anything else: the copy that they load ends with a call of ``admit``,
which ends a worker that is not what the client is.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import socket
import sys
from pathlib import Path
from typing import TypedDict

MOST_NAMED = 3


class Identity(TypedDict):
    """What is installed; ``lock`` is empty where nothing says it, ``installed`` has versions and builds by name."""

    lock: str
    python: str
    packages: str
    installed: dict[str, str]


def read_identity() -> Identity:
    """Return the identity of the installation that runs this.

    ``packages`` digests the names, versions, builds and archives' hashes of ``conda-meta``; where there is none, as in
    a virtual environment, the names and versions of its distributions.
    """
    lines = []
    installed = {}
    for path in sorted((Path(sys.prefix) / "conda-meta").glob("*.json")):
        record = json.loads(path.read_bytes())
        name, words = str(record["name"]), f"{record['version']} {record['build']}"
        installed[name] = words
        lines.append(f"{name} {words} {record.get('sha256', '')}")
    if not lines:
        for found in importlib.metadata.distributions():
            installed[found.name.lower()] = found.version
        lines = [f"{name} {version}" for name, version in sorted(installed.items())]
    return {
        # What an image was made from. Elsewhere the variable would say what somebody else's process was.
        "lock": os.environ.get("BINDERY_LOCK", "") if os.environ.get("CONDA_PREFIX") == sys.prefix else "",
        "python": platform.python_version(),
        "packages": "sha256:" + hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest(),
        "installed": installed,
    }


def find_differences(client: Identity, other: Identity) -> list[str]:
    """Return in words how the other is not what the client is; nothing if they are the same."""
    found = []
    if client["lock"] and other["lock"] and client["lock"] != other["lock"]:
        found.append(f"lock {other['lock']}, the client has {client['lock']}")
    if client["packages"] == other["packages"] and client["python"] == other["python"]:
        return found
    if client["python"] != other["python"]:
        found.append(f"Python {other['python']}, the client has {client['python']}")
    named = []
    for name in sorted({*client["installed"], *other["installed"]}):
        here, there = client["installed"].get(name, "none"), other["installed"].get(name, "none")
        if here != there:
            named.append(f"{name} {there}, the client has {here}")
    found += named[:MOST_NAMED]
    if len(named) > MOST_NAMED:
        found.append(f"{len(named) - MOST_NAMED} more packages differ")
    return found or [f"packages {other['packages']}, the client has {client['packages']}"]


def admit(client: Identity, refusals: str, python_path: list[str]) -> None:
    """Let a worker live only if it is what the client is, and let it import what lies beside the notebooks.

    Why it was refused is written into the folder ``refusals``, which the scheduler's side reads.

    Raises:
        RuntimeError: it is not; the worker ends before it has registered.

    """
    differences = find_differences(client, read_identity())
    if differences:
        job = os.environ.get("SLURM_JOB_ID") or os.environ.get("PBS_JOBID") or str(os.getpid())
        name = f"{job} on {socket.gethostname()}"
        Path(refusals, name).write_text("\n".join(differences), encoding="utf-8")
        message = f"this worker is not what the client is: {'; '.join(differences)}"
        raise RuntimeError(message)
    sys.path[:0] = python_path


if __name__ == "__main__":
    print(json.dumps(read_identity()))  # noqa: T201 - whoever started this reads it
