"""Bytecode of a package, kept in the store for the next linked prefix: only packages that are new have to be compiled.

A package's bytecode follows from its sources, from the Python that compiles it, and from the place that it names, so
these are the key. It is kept once the tree that it came from was verified, and used only if each file has the digest
that it had then.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bindery.core import digest_bytes, encode_json, remove_tree
from bindery.prefixes.tree import ExpectedBytecode, ExpectedFile

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from bindery.core import Json, Store
    from bindery.prefixes.tree import ExpectedTree

KIND = "bytecode"
FORMAT = 1
_LIST = "list"


@dataclass(frozen=True, slots=True)
class PackageBytecode:
    """The bytecode files that a package has in a tree, with their sources, and the key of what is kept of them."""

    package: str
    key: str
    paths: tuple[tuple[str, str], ...]


def list_bytecode(tree: ExpectedTree, compiler: str) -> tuple[PackageBytecode, ...]:
    """Return what each package of the tree has, if the compiler (any text that names it) compiles it."""
    packages: dict[str, list[tuple[str, str]]] = {}
    for path, entry in tree.entries.items():
        if isinstance(entry, ExpectedBytecode):
            packages.setdefault(entry.package, []).append((entry.source, path))
    found = []
    for package, pairs in packages.items():
        pairs.sort()
        sources: list[Json] = [[source, _sha256_of(tree, source)] for source, _ in pairs]
        key = digest_bytes(encode_json([FORMAT, compiler, tree.prefix, sources])).hex
        found.append(PackageBytecode(package, key, tuple((path, source) for source, path in pairs)))
    return tuple(found)


def take_bytecode(
    packages: Collection[PackageBytecode], root: Path, store: Store
) -> tuple[frozenset[str], frozenset[str]]:
    """Put into ``root`` what is kept; return the packages that are done, and those of their sources that have none."""
    done, uncompiled = set[str](), set[str]()
    for package in packages:
        folder = store.path(KIND, package.key)
        if not folder.exists():
            continue
        digests = _read_sound(folder, len(package.paths))
        if digests is None:
            with suppress(OSError):  # where a group shares the store, it may be somebody else's
                remove_tree(folder)
            continue
        for number, ((path, source), digest) in enumerate(zip(package.paths, digests, strict=True)):
            if digest:
                _link(f"{folder}/{number}", f"{root}/{path}")
            else:
                uncompiled.add(source)
        done.add(package.package)
    return frozenset(done), frozenset(uncompiled)


def keep_bytecode(packages: Collection[PackageBytecode], root: Path, store: Store) -> None:
    """Keep what the packages have in ``root``, whose sources were verified.

    Raises:
        ToolFailed: the disk is full or cannot be written.

    """
    for package in packages:

        def build(work: Path, package: PackageBytecode = package) -> None:
            work.mkdir()
            digests = []
            for number, (path, _) in enumerate(package.paths):
                is_there = (root / path).is_file()
                digests.append(_digest(f"{root}/{path}") if is_there else "")
                if is_there:
                    _link(f"{root}/{path}", f"{work}/{number}")
            text = "\n".join(digests)
            (work / _LIST).write_text(f"{digest_bytes(text.encode())}\n{text}")

        store.ensure(KIND, package.key, build)


def _sha256_of(tree: ExpectedTree, source: str) -> str:
    entry = tree.entries[source]
    return entry.sha256 if isinstance(entry, ExpectedFile) else ""


def _read_sound(folder: Path, count: int) -> list[str] | None:
    """Return the digests of the kept files, empty where a source has no bytecode; None if anything is damaged."""
    try:
        digest, _, text = (folder / _LIST).read_text().partition("\n")
        digests = text.split("\n")
        is_whole = digest == str(digest_bytes(text.encode())) and len(digests) == count
        is_sound = is_whole and all(
            not kept or _digest(f"{folder}/{number}") == kept for number, kept in enumerate(digests)
        )
    except (OSError, ValueError):
        return None
    return digests if is_sound else None


# Paths are text here: for thousands of small files, a Path for each would take longer than what is done with it.


def _digest(path: str) -> str:
    with io.FileIO(path) as stream:
        return hashlib.sha256(stream.readall(), usedforsecurity=False).hexdigest()


def _link(source: str, target: str) -> None:
    with suppress(FileExistsError):
        os.mkdir(os.path.dirname(target))  # noqa: PTH102, PTH120
    with suppress(FileNotFoundError):
        os.unlink(target)  # noqa: PTH108
    try:
        os.link(source, target)
    except OSError:  # a file system without hard links, or one that has no more of them
        shutil.copy2(source, target)
