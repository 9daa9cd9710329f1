"""Where a repository was fetched from, said without anybody's password."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from bindery.core import BinderyError, run_process

if TYPE_CHECKING:
    from pathlib import Path

GIT_TIMEOUT_S = 60.0
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def scrub_url(url: str) -> str:
    """Return the URL without user, password, query and fragment: each of them may be a secret.

    What git takes for an SSH host, ``git@host:path``, keeps its user, which is no secret and part of the name.
    """
    parts = urlsplit(url)
    if not parts.scheme or not parts.netloc:
        return url.partition("?")[0]
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def revision_of(folder: Path) -> str:
    """Return the commit that is checked out in the folder; empty if git does not know it."""
    command = ["git", "-C", str(folder), "rev-parse", "HEAD"]
    environ = {**os.environ, "LC_ALL": "C"}
    try:
        finished = run_process(command, env=environ, cwd=folder, timeout_s=GIT_TIMEOUT_S, check=False)
    except BinderyError:
        return ""  # there is no git: the repository came from elsewhere
    found = finished.stdout.decode(errors="replace").strip()
    return found if finished.status == 0 and _COMMIT.fullmatch(found) else ""
