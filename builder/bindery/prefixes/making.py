"""A realised environment → the tree that its lock makes, in a folder: linked, compiled, verified."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bindery.core import CheckFailed, remove_tree
from bindery.prefixes.bytecode import compile_bytecode
from bindery.prefixes.contents import read_contents
from bindery.prefixes.expected import expect_tree
from bindery.prefixes.fetch import fetch_archives
from bindery.prefixes.finish import finish_tree
from bindery.prefixes.kept_bytecode import keep_bytecode, list_bytecode, take_bytecode
from bindery.prefixes.linking import PACKAGES, LinkFailed, link_packages, unpacked_folder
from bindery.prefixes.verify import verify_tree

if TYPE_CHECKING:
    from pathlib import Path

    from bindery.core import Progress, Store
    from bindery.environments import Realised
    from bindery.prefixes.contents import PackageContents
    from bindery.prefixes.interpreters import Interpreter
    from bindery.prefixes.kept_bytecode import PackageBytecode
    from bindery.prefixes.tree import ExpectedTree
    from bindery.prefixes.verify import Finding

FORMAT = 3
"""Counts how prefixes were made: another number, other prefixes.

1: unchecked-hash bytecode, files read-only. 2: bytecode whose bytes follow from the package alone. 3: records of
wheels that do not name the channel they were made for.
"""
ATTEMPTS = 3
"""The first may find that packages are missing, the second that others were edited."""
_SHOWN = 5
_WRONG = "a package contradicts itself, or bindery is wrong; nothing was installed"


@dataclass(frozen=True, kw_only=True, slots=True)
class MakeOrder:
    """An environment as it is when it lies at ``prefix``, compiled by the interpreter, if there is one.

    With ``keeps_bytecode``, the store keeps each package's for the next tree at the same place.
    """

    realised: Realised
    prefix: str
    interpreter: Interpreter | None
    keeps_bytecode: bool = False

    @property
    def compiler(self) -> str:
        """What tells the interpreter from any other that would write other bytes."""
        if self.interpreter is None:
            return ""
        if self.interpreter.path:
            return self.interpreter.version
        return next(str(package.sha256) for package in self.realised.installed if package.name == "python")


@dataclass(frozen=True, kw_only=True, slots=True)
class MadeTree:
    """What lies in the folder: a tree, the packages that it is made of, and the sources that have no bytecode."""

    tree: ExpectedTree
    contents: tuple[PackageContents, ...]
    uncompiled: frozenset[str]


def gather_contents(realised: Realised, store: Store, progress: Progress) -> tuple[PackageContents, ...]:
    """Return what the archives of the environment say, after fetching and checking them.

    Raises:
        BadInput: an archive is not what the lock says.
        ToolFailed: an archive cannot be fetched.

    """
    archives = fetch_archives(realised, store, progress)
    return tuple(read_contents(package, archives[package.name]) for package in realised.installed)


def make_tree(order: MakeOrder, work: Path, *, store: Store, progress: Progress) -> MadeTree:
    """Make in ``work`` what was ordered; return what is there, verified.

    Raises:
        BadInput: an archive is not what the lock says.
        CheckFailed: what was made is not what the lock makes.
        ToolFailed: fetching, linking or the disk failed.

    """
    contents = gather_contents(order.realised, store, progress)
    cache = store.root / PACKAGES
    with ThreadPoolExecutor(1) as pool:
        expected = pool.submit(expect_tree, contents, order.prefix, order.realised.platform, store)
        for attempt in range(ATTEMPTS):
            is_last = attempt == ATTEMPTS - 1
            try:
                link_packages(contents, work, order.prefix, cache, progress)
            except LinkFailed as error:
                expected.result()  # knows better what is wrong with a package
                if is_last:
                    raise
                damaged, why = _named(contents, str(error)), error.what
            else:
                tree = expected.result()
                finish_tree(contents, tree, work)
                uncompiled, fresh = _compile(order, tree, work, store, progress)
                findings = verify_tree(tree, work, progress, fresh_bytecode=uncompiled)
                if not findings:
                    keep_bytecode(fresh, work, store)
                    return MadeTree(tree=tree, contents=contents, uncompiled=uncompiled)
                if is_last:
                    break
                names = {finding.package for finding in findings}
                damaged = [package for package in contents if package.locked.name in names]
                why = _sentence(findings)
            # Somebody edited the unpacked packages, or they were only half unpacked: again, from the archives.
            progress.say(f"{why}; unpacking again")
            for package in damaged or contents:
                _forget(unpacked_folder(store, package.locked))
            remove_tree(work)
    raise CheckFailed(_sentence(findings), order.realised.label, _WRONG)


def _named(contents: tuple[PackageContents, ...], text: str) -> list[PackageContents]:
    return [package for package in contents if package.locked.file_name in text]


def _compile(
    order: MakeOrder, tree: ExpectedTree, work: Path, store: Store, progress: Progress
) -> tuple[frozenset[str], tuple[PackageBytecode, ...]]:
    """Return the sources that have no bytecode now, and the packages whose bytecode is new and may be kept."""
    if order.interpreter is None:
        return frozenset(tree.sources), ()
    if not order.keeps_bytecode:
        return compile_bytecode(tree, work, progress, order.interpreter.path), ()
    packages = list_bytecode(tree, order.compiler)
    done, uncompiled = take_bytecode(packages, work, store)
    uncompiled |= compile_bytecode(tree, work, progress, order.interpreter.path, done)
    return uncompiled, tuple(package for package in packages if package.package not in done)


def _forget(unpacked: Path) -> None:
    remove_tree(unpacked)
    unpacked.with_name(f"{unpacked.name}.lock").unlink(missing_ok=True)


def _sentence(findings: tuple[Finding, ...]) -> str:
    shown = "".join(f"\n  | {finding.path}: {finding.detail}" for finding in findings[:_SHOWN])
    rest = f"\n  | and {len(findings) - _SHOWN} more" if len(findings) > _SHOWN else ""
    return f"{len(findings)} files are not what the lock makes{shown}{rest}"
