"""A realised environment → its prefix in the store: linked, compiled, verified, then renamed into place."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bindery.core import BadInput, CheckFailed, digest_bytes, encode_json, host_platform, remove_tree
from bindery.prefixes.bytecode import compile_bytecode
from bindery.prefixes.contents import read_contents
from bindery.prefixes.environ import ensure_activation
from bindery.prefixes.expected import expect_tree
from bindery.prefixes.fetch import fetch_archives
from bindery.prefixes.finish import finish_tree
from bindery.prefixes.linking import LinkFailed, link_packages
from bindery.prefixes.record import PREFIXES, write_record
from bindery.prefixes.verify import verify_tree

if TYPE_CHECKING:
    from pathlib import Path

    from bindery.core import Digest, Progress, Store
    from bindery.environments import Realised
    from bindery.prefixes.contents import PackageContents
    from bindery.prefixes.tree import ExpectedTree
    from bindery.prefixes.verify import Finding

PACKAGES = "packages"
FORMAT = 1
"""Counts how prefixes were made: another number, other prefixes. 1: unchecked-hash bytecode, files read-only."""
_KEY_DIGITS = 32
_SHOWN = 5
ATTEMPTS = 3
"""The first may find that packages are missing, the second that others were edited."""
_WRONG = "a package contradicts itself, or bindery is wrong; nothing was installed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Prefix:
    """An installed environment: verified when it was made, read-only since."""

    path: Path
    lock_digest: Digest
    label: str
    python_version: str

    @property
    def python(self) -> Path:
        """The prefix's own interpreter.

        Raises:
            BadInput: its lock has none.

        """
        if not self.python_version:
            raise BadInput("has no Python", str(self.path), "add python to its environment.yml")
        return self.path / "bin" / "python"


def prefix_path(realised: Realised, store: Store) -> Path:
    """Return where the prefix is, or would be. Its files name that place, so another store has another prefix."""
    identity = encode_json([FORMAT, str(realised.digest), realised.platform, str(store.root)])
    return store.path(PREFIXES, digest_bytes(identity).hex[:_KEY_DIGITS])


def ensure_prefix(realised: Realised, *, store: Store, progress: Progress) -> Prefix:
    """Return the environment's prefix, after making it if the store had none.

    Raises:
        BadInput: the lock is for another platform, or an archive is not what the lock says.
        CheckFailed: what was installed is not what the lock makes.
        ToolFailed: fetching, linking or the disk failed.

    """
    if realised.platform != host_platform():
        raise BadInput(f"is for {realised.platform}, and this machine is {host_platform()}", realised.label)
    path = prefix_path(realised, store)
    if not path.exists():
        write_record(realised, store, path.name)
        store.ensure(PREFIXES, path.name, lambda work: _build(realised, store, path, work, progress))
    ensure_activation(path)
    python = [package.version for package in realised.installed if package.name == "python"]
    return Prefix(
        path=path, lock_digest=realised.digest, label=realised.label, python_version=python[0] if python else ""
    )


def verify_prefix(prefix: Path, realised: Realised, *, store: Store, progress: Progress) -> tuple[Finding, ...]:
    """Return where the folder differs from what the lock makes there: nothing, if it is sound.

    Raises:
        BadInput: an archive is not what the lock says.
        ToolFailed: an archive cannot be fetched, or the prefix's Python cannot be started.

    """
    tree = expect_tree(_contents(realised, store, progress), str(prefix), realised.platform)
    return verify_tree(tree, prefix, progress)


def _contents(realised: Realised, store: Store, progress: Progress) -> tuple[PackageContents, ...]:
    archives = fetch_archives(realised, store, progress)
    return tuple(read_contents(package, archives[package.name]) for package in realised.installed)


def _build(realised: Realised, store: Store, path: Path, work: Path, progress: Progress) -> None:
    contents = _contents(realised, store, progress)
    cache = store.root / PACKAGES
    with ThreadPoolExecutor(1) as pool:
        expected = pool.submit(expect_tree, contents, str(path), realised.platform)
        for attempt in range(ATTEMPTS):
            is_last = attempt == ATTEMPTS - 1
            try:
                link_packages(contents, work, str(path), cache, progress)
            except LinkFailed as error:
                expected.result()  # knows better what is wrong with a package
                if is_last:
                    raise
                damaged, why = _named(contents, str(error)), error.what
            else:
                findings = _finish(contents, expected.result(), work, progress)
                if not findings:
                    return
                if is_last:
                    raise CheckFailed(_sentence(findings), realised.label, _WRONG)
                names = {finding.package for finding in findings}
                damaged = [package for package in contents if package.locked.name in names]
                why = _sentence(findings)
            # Somebody edited the unpacked packages, or they were only half unpacked: again, from the archives.
            progress.say(f"{why}; unpacking again")
            for package in damaged or contents:
                _forget(cache, package)
            remove_tree(work)


def _named(contents: tuple[PackageContents, ...], text: str) -> list[PackageContents]:
    return [package for package in contents if package.locked.file_name in text]


def _finish(
    contents: tuple[PackageContents, ...], tree: ExpectedTree, work: Path, progress: Progress
) -> tuple[Finding, ...]:
    finish_tree(contents, tree, work)
    uncompiled = compile_bytecode(tree, work, progress)
    finish_tree(contents, tree, work)
    return verify_tree(tree, work, progress, fresh_bytecode=uncompiled)


def _forget(cache: Path, package: PackageContents) -> None:
    stem = f"{package.locked.name}-{package.locked.version}-{package.locked.build}"
    remove_tree(cache / stem)
    (cache / f"{stem}.lock").unlink(missing_ok=True)


def _sentence(findings: tuple[Finding, ...]) -> str:
    shown = "".join(f"\n  | {finding.path}: {finding.detail}" for finding in findings[:_SHOWN])
    rest = f"\n  | and {len(findings) - _SHOWN} more" if len(findings) > _SHOWN else ""
    return f"{len(findings)} files are not what the lock makes{shown}{rest}"
