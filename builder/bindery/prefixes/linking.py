"""The process that links packages: started, listened to, ended."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING

from bindery.core import ToolFailed, encode_json, start_process, stop_process
from bindery.prefixes.link_order import DONE, FAILED, LINKED, LinkOrder

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence
    from pathlib import Path

    from bindery.core import Progress, Store, Task
    from bindery.environments import LockedPackage
    from bindery.prefixes.contents import PackageContents

PACKAGES = "packages"
TIMEOUT_S = 1800.0
_FULL = ("No space left on device", "os error 28", "Disk quota exceeded", "os error 122")
_LAST_BYTES = 2000


class LinkFailed(ToolFailed):
    """rattler failed, and not for want of space: perhaps an unpacked package is damaged."""


def unpacked_folder(store: Store, locked: LockedPackage) -> Path:
    """Return where rattler keeps the unpacked package."""
    return store.root / PACKAGES / f"{locked.name}-{locked.version}-{locked.build}"


def link_packages(
    packages: Sequence[PackageContents], target: Path, prefix: str, cache: Path, progress: Progress
) -> None:
    """Unpack what the cache lacks, and link every package into ``target`` as if that were ``prefix``.

    Raises:
        LinkFailed: rattler failed or took too long.
        ToolFailed: the disk is full.

    """
    order = LinkOrder(
        packages=[_fields(package) for package in packages], target=str(target), prefix=prefix, cache=str(cache)
    )
    process = start_process([sys.executable, "-P", "-m", "bindery.prefixes.link"], env=os.environ, cwd=target.parent)
    watch = threading.Timer(TIMEOUT_S, stop_process, [process])
    watch.start()
    try:
        with progress.task("Linking packages", len(packages), "packages") as task:
            failure = _converse(process, order, task)
    finally:
        watch.cancel()
        stop_process(process)
    if failure is not None:
        raise _failed(failure, cache)


def _converse(process: subprocess.Popen[bytes], order: LinkOrder, task: Task) -> str | None:
    """Return None once the process has said that it is done, else why it is not."""
    if process.stdin is None or process.stdout is None or process.stderr is None:
        return "has no pipes"
    complaint: list[bytes] = []
    drain = threading.Thread(target=lambda stream: complaint.append(stream.read()), args=(process.stderr,))
    drain.start()
    failure: str | None = None
    done = False
    with suppress(BrokenPipeError):
        process.stdin.write(encode_json(asdict(order)) + b"\n")
        process.stdin.flush()
    for raw in process.stdout:
        line = raw.decode(errors="replace").rstrip("\n")
        done = done or line == DONE
        if line.startswith(LINKED):
            task.advance()
        elif line.startswith(FAILED):
            failure = line.removeprefix(FAILED)
    drain.join()
    if done:
        return None
    return failure or f"ended before it was done: {b''.join(complaint)[-_LAST_BYTES:].decode(errors='replace').strip()}"


def _failed(failure: str, cache: Path) -> ToolFailed:
    return full_disk(failure, cache) or LinkFailed(f"packages cannot be linked: {failure}", str(cache))


def full_disk(failure: str, where: Path) -> ToolFailed | None:
    """Return the error that says so, if what another program complains of is a full disk."""
    if any(sign in failure for sign in _FULL):
        return ToolFailed("the disk is full", str(where), "free some space, or set BINDERY_STORE")
    return None


def _fields(package: PackageContents) -> dict[str, str]:
    locked = package.locked
    return {
        "name": locked.name,
        "version": locked.version,
        "build": locked.build,
        "subdir": locked.subdir,
        "noarch": package.noarch or "",
        "site_packages": package.site_packages or "",
        "file_name": locked.file_name,
        "url": package.archive.as_uri(),
        "channel": locked.channel_url,
        "sha256": locked.sha256.hex,
    }
