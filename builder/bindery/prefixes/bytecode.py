"""Bytecode of a prefix, made and checked by its own Python, on all cores."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from bindery.core import ToolFailed, encode_json, parse_json, run_process
from bindery.prefixes.linking import full_disk

if TYPE_CHECKING:
    from collections.abc import Collection

    from bindery.core import Json, Progress, Task
    from bindery.prefixes.tree import ExpectedTree

SCRIPT = Path(__file__).with_name("bytecode_script.py")
TIMEOUT_S = 1800.0
BATCH = 500
"""Sources per process, but for larger packages: enough that starting Python does not count, few enough that the bar
moves."""

ENVIRON = {"LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0"}
"""Of the compiling process, whoever runs Bindery."""
NOT_COMPILABLE = "not compilable"


def compile_bytecode(
    tree: ExpectedTree,
    root: Path,
    progress: Progress,
    interpreter: Path | None = None,
    done: Collection[str] = (),
) -> frozenset[str]:
    """Write the bytecode of every source of the tree that lies at ``root``; return the sources that have none.

    The tree's own Python compiles, if no other interpreter is given. Packages that are ``done`` are left out.

    Raises:
        ToolFailed: the prefix's Python cannot be started or failed.

    """
    packages = _sources(tree, done)
    with progress.task("Compiling bytecode", sum(map(len, packages)), "files") as task:
        states = _run(tree, packages, root, task, interpreter)
    return frozenset(source for source, state in states.items() if state == NOT_COMPILABLE)


def check_bytecode(tree: ExpectedTree, root: Path, progress: Progress) -> dict[str, str]:
    """Return for every source "same", "not compilable", "missing" or "different". The prefix's Python must be sound.

    Raises:
        ToolFailed: the prefix's Python cannot be started or failed.

    """
    packages = _sources(tree, ())
    with progress.task("Checking bytecode", sum(map(len, packages)), "files") as task:
        return _run(tree, packages, root, task, None, check=True)


def _sources(tree: ExpectedTree, done: Collection[str]) -> list[list[str]]:
    """Return the sources of each package, sorted; the largest package first."""
    packages: dict[str, list[str]] = {}
    for source in tree.sources:
        packages.setdefault(tree.entries[source].package, []).append(source)
    left = [sources for package, sources in packages.items() if package not in done]
    return sorted(left, key=len, reverse=True)


def _run(
    tree: ExpectedTree,
    packages: list[list[str]],
    root: Path,
    task: Task,
    interpreter: Path | None,
    *,
    check: bool = False,
) -> dict[str, str]:
    if tree.python is None:
        return {}
    executable = interpreter or root / tree.python.executable
    # Isolated, without site-packages, and without any bytecode that is there: what is to be checked must not run. The
    # order in which sets are walked has no part in the result, since 3.11; the seed is for those before.
    command: list[str | Path] = [executable, "-s", "-S", "-B", "-X", f"pycache_prefix={root}/.none", SCRIPT]
    states: dict[str, str] = {}

    def run(batch: list[Json]) -> list[tuple[str, str]]:
        order = encode_json({"root": str(root), "prefix": tree.prefix, "check": check, "packages": batch})
        try:
            finished = run_process(command, env=ENVIRON, cwd=root, timeout_s=TIMEOUT_S, stdin=order + b"\n")
        except ToolFailed as error:
            raise full_disk(error.what, root) or error from error
        return [_state(line, executable) for line in finished.stdout.splitlines()]

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for answers in pool.map(run, _batches(packages)):
            states |= dict(answers)
            task.advance(len(answers))
    count = sum(map(len, packages))
    if states.keys() != {source for sources in packages for source in sources}:
        raise ToolFailed(f"compiled {len(states)} of {count} files", str(executable))
    return states


def _batches(packages: list[list[str]]) -> list[list[Json]]:
    """Return whole packages, the longest batch first; no package's bytes depend on another's."""
    batches: list[list[Json]] = []
    room = 0
    for sources in packages:
        if room < len(sources):
            batches.append([])
            room = BATCH
        batches[-1].append(list(sources))
        room -= len(sources)
    return batches


def _state(line: bytes, executable: Path) -> tuple[str, str]:
    try:
        value = parse_json(line)
    except json.JSONDecodeError as error:
        raise ToolFailed(f"answered {line!r}", str(executable)) from error
    if not isinstance(value, list) or len(value) != 2:
        raise ToolFailed(f"answered {line!r}", str(executable))
    return str(value[0]), str(value[1])
