"""The guard: a cluster does no work unless client, scheduler and workers are of one lock."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from bindery.clusters import identity
from bindery.core import CheckFailed, run_process

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bindery.clusters.identity import Identity

SCRIPT = Path(identity.__file__)
LIMIT_S = 120.0
FIX = "start kernel, scheduler and workers from one lock"


def read_client(python: Path, environ: Mapping[str, str], folder: Path, lock_digest: str) -> Identity:
    """Return what the clients, which this Python runs, are; ``lock_digest`` is said of it, if it is not empty.

    Raises:
        ToolFailed: the Python does not run.

    """
    finished = run_process([python, "-P", "-s", SCRIPT], env=environ, cwd=folder, timeout_s=LIMIT_S)
    found: Identity = json.loads(finished.stdout)
    return {**found, "lock": lock_digest or found["lock"]}


def refuse_differences(client: Identity, other: Identity, who: str) -> None:
    """Return if the other is what the client is.

    Raises:
        CheckFailed: it is not; the error says who, and how.

    """
    differences = identity.find_differences(client, other)
    if differences:
        raise CheckFailed("is not what the client is:\n  " + "\n  ".join(differences), who, FIX)
