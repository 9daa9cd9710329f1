"""A folder against the tree that a lock makes: what is missing, added, changed."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bindery.prefixes.bytecode import NOT_COMPILABLE, check_bytecode
from bindery.prefixes.tree import WRITE_BITS, Expected, ExpectedBytecode, ExpectedFile, ExpectedLink

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from bindery.core import Progress, Task
    from bindery.prefixes.tree import ExpectedTree

What = Literal["missing", "added", "changed", "mode", "link", "unchecked"]
_STEP = 500
_UMASK = 0o7777 & ~0o200
_UNKNOWN = ""
_BUFFER_BYTES = 1 << 18


class _Buffers(threading.local):
    """One buffer per thread: a new one per file costs as much as the hash."""

    def __init__(self) -> None:
        self.view = memoryview(bytearray(_BUFFER_BYTES))


_buffers = _Buffers()


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One path that is not as the lock makes it. ``package`` is empty for what no package has."""

    package: str
    path: str
    what: What
    detail: str


@dataclass(frozen=True, slots=True)
class _Found:
    status: os.stat_result
    is_link: bool


def verify_tree(
    tree: ExpectedTree, root: Path, progress: Progress, *, fresh_bytecode: Collection[str] | None = None
) -> tuple[Finding, ...]:
    """Return what differs, sorted by path; nothing if the folder is what the lock makes.

    ``fresh_bytecode`` are the sources without bytecode, if the caller has compiled the others just now; without it,
    the prefix's own Python compiles them again, provided that this Python is sound.

    Raises:
        ToolFailed: the prefix's Python cannot be started.

    """
    found = dict(_walk(root, ""))
    findings = [_added(path) for path in found.keys() - tree.entries.keys()]
    uncompiled = fresh_bytecode or ()
    plain: list[tuple[str, Expected]] = []
    for path, entry in tree.entries.items():
        is_bytecode = isinstance(entry, ExpectedBytecode)
        if path in found and not is_bytecode:
            plain.append((path, entry))
        elif path in found and isinstance(entry, ExpectedBytecode) and entry.source in uncompiled:
            findings.append(_finding(path, entry, "added", "its source cannot be compiled"))
        elif path not in found and not (isinstance(entry, ExpectedBytecode) and _may_miss(entry, fresh_bytecode)):
            findings.append(_finding(path, entry, "missing", "is not there"))
    with progress.task("Verifying", len(plain), "files") as task:
        findings += _compare_all(plain, found, root, task)
    if fresh_bytecode is None and tree.python is not None:
        findings += _verify_bytecode(tree, root, findings, progress)
    return tuple(sorted(findings, key=lambda finding: (finding.path, finding.what)))


def _may_miss(entry: ExpectedBytecode, fresh: Collection[str] | None) -> bool:
    # Without fresh knowledge, the check by the prefix's Python tells which are missing.
    return fresh is None or entry.source in fresh


def _walk(folder: Path, inside: str) -> Iterator[tuple[str, _Found]]:
    with os.scandir(folder) as children:
        for child in children:
            path = f"{inside}{child.name}"
            if child.is_dir(follow_symlinks=False):
                yield from _walk(folder / child.name, f"{path}/")
            else:
                yield path, _Found(child.stat(follow_symlinks=False), child.is_symlink())


def _compare_all(
    plain: list[tuple[str, Expected]], found: dict[str, _Found], root: Path, task: Task
) -> Iterator[Finding]:
    def compare(start: int) -> list[Finding]:
        part = plain[start : start + _STEP]
        return [finding for path, entry in part for finding in _compare(path, entry, found[path], root)]

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:  # hashing leaves Python's lock to the other threads
        for start, findings in zip(
            range(0, len(plain), _STEP), pool.map(compare, range(0, len(plain), _STEP)), strict=True
        ):
            task.advance(min(_STEP, len(plain) - start))
            yield from findings


def _compare(path: str, entry: Expected, found: _Found, root: Path) -> Iterator[Finding]:
    if isinstance(entry, ExpectedLink):
        if not found.is_link:
            yield _finding(path, entry, "link", f"is no link to {entry.target}")
        elif (target := str((root / path).readlink())) != entry.target:
            yield _finding(path, entry, "link", f"leads to {target}, not to {entry.target}")
    elif isinstance(entry, ExpectedFile):
        if found.is_link or not stat.S_ISREG(found.status.st_mode):
            yield _finding(path, entry, "link", "is not a file")
            return
        if found.status.st_size != entry.size_bytes:
            yield _finding(path, entry, "changed", f"has {found.status.st_size} bytes, not {entry.size_bytes}")
        elif (sha256 := _sha256(f"{root}/{path}")) != entry.sha256:
            yield _finding(path, entry, "changed", f"has sha256 {sha256[:12]}…, not {entry.sha256[:12]}…")
        # The owner's write bit does not count: the store takes it away, other folders keep it.
        if found.status.st_mode & _UMASK != entry.mode & ~WRITE_BITS:
            yield _finding(
                path, entry, "mode", f"has mode {found.status.st_mode & 0o7777:o}, not {entry.mode & ~WRITE_BITS:o}"
            )


def _sha256(path: str) -> str:
    view, state = _buffers.view, hashlib.sha256(usedforsecurity=False)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        while count := os.readv(descriptor, [view]):
            state.update(view[:count])
    finally:
        os.close(descriptor)
    return state.hexdigest()


def _verify_bytecode(tree: ExpectedTree, root: Path, findings: list[Finding], progress: Progress) -> Iterator[Finding]:
    entries = {
        entry.source: (path, entry) for path, entry in tree.entries.items() if isinstance(entry, ExpectedBytecode)
    }
    if any(_touches_python(finding, tree) for finding in findings):
        yield Finding(
            package="python",
            path=tree.python.executable if tree.python else _UNKNOWN,
            what="unchecked",
            detail=f"is not sound itself, so {len(entries)} bytecode files were not checked",
        )
        return
    for source, state in check_bytecode(tree, root, progress).items():
        path, entry = entries[source]
        if state == "missing":
            yield _finding(path, entry, "missing", "is not there")
        elif state not in {"same", NOT_COMPILABLE}:
            yield _finding(path, entry, "changed", "is not what its source compiles to")


def _touches_python(finding: Finding, tree: ExpectedTree) -> bool:
    if tree.python is None or finding.package == "python":
        return True
    # Modules laid beside Python's own would be imported by it; its libraries could be replaced.
    inside_packages = finding.path.startswith(
        (f"{tree.python.site_packages}/", "share/", "etc/", "include/", "conda-meta/")
    )
    return not inside_packages


def _finding(path: str, entry: Expected, what: What, detail: str) -> Finding:
    return Finding(package=entry.package, path=path, what=what, detail=detail)


def _added(path: str) -> Finding:
    return Finding(package=_UNKNOWN, path=path, what="added", detail="belongs to no package")
