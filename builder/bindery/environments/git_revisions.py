"""Files as they were in a revision of git."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bindery.core import BadInput, run_process

if TYPE_CHECKING:
    from pathlib import Path

    from bindery.core import Finished

TIMEOUT_S = 60.0
# What git's own words for revisions are made of. No hyphen at the start: that would be an option.
_REVISION = re.compile(r"[A-Za-z0-9_@][A-Za-z0-9_./~^@{}+-]*")
_PATH = re.compile(r"[^\x00-\x1f\x7f:]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Revision:
    """A commit, and the folder that paths with ``./`` are relative to; other paths start at the repository's top."""

    commit: str
    folder: Path

    def read(self, path: str) -> str | None:
        """Return the file's text; None if there is no such file in the revision, or it is not text."""
        finished = _git(["cat-file", "blob", f"{self.commit}:{_normalised(path)}"], self.folder)
        try:
            return finished.stdout.decode() if finished.status == 0 else None
        except UnicodeDecodeError:
            return None


def split_revision(target: str) -> tuple[str, str] | None:
    """Return revision and path of ``HEAD~3:pangeo``; None if the target names no revision.

    Raises:
        BadInput: the revision or the path cannot be one.

    """
    revision, colon, path = target.partition(":")
    if not colon or path.startswith("//"):
        return None
    if not _REVISION.fullmatch(revision):
        raise BadInput(f"{revision!r} cannot be a git revision", target, "write it as in HEAD~3:pangeo")
    if not _PATH.fullmatch(path):
        raise BadInput(f"{path!r} cannot be an environment or a file", target, "write it as in HEAD~3:pangeo")
    return revision, path


def open_revision(revision: str, folder: Path) -> Revision:
    """Return the commit that the revision means in the repository around the folder.

    Raises:
        BadInput: the folder is in no repository, or there is no such revision.
        ToolFailed: git is not there.

    """
    finished = _git(["rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}"], folder)
    if finished.status != 0:
        lines = finished.stderr.decode(errors="replace").strip().splitlines() or ["it says nothing"]
        raise BadInput(f"git finds no revision {revision}: {lines[-1].removeprefix('fatal: ')}", str(folder))
    return Revision(commit=finished.stdout.decode().strip(), folder=folder)


def _git(arguments: list[str], folder: Path) -> Finished:
    # C: its words are shown. No prompts: a promised object of a partial clone may need the network.
    env = {**os.environ, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}
    return run_process(["git", *arguments], env=env, cwd=folder, timeout_s=TIMEOUT_S, check=False)


def _normalised(path: str) -> str:
    """Return the path without ``..``, which git does not follow unless it starts the path."""
    start = "./" if path.startswith("./") else ""
    parts: list[str] = []
    for part in path.split("/"):
        if part == ".." and parts:
            parts.pop()
        elif part not in {"", "."}:
            parts.append(part)
    return start + "/".join(parts)
