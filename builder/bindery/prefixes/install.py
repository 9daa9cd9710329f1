"""A realised environment → its prefix in the store: linked, compiled, verified, then renamed into place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bindery.core import BadInput, digest_bytes, encode_json, host_platform
from bindery.prefixes.environ import ensure_activation
from bindery.prefixes.expected import expect_tree
from bindery.prefixes.interpreters import choose_interpreter
from bindery.prefixes.making import FORMAT, MakeOrder, gather_contents, make_tree
from bindery.prefixes.record import PREFIXES, write_record
from bindery.prefixes.verify import verify_tree

if TYPE_CHECKING:
    from pathlib import Path

    from bindery.core import Digest, Progress, Store
    from bindery.environments import Realised
    from bindery.prefixes.verify import Finding

_KEY_DIGITS = 32


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

        def build(work: Path) -> None:
            order = MakeOrder(realised=realised, prefix=str(path), interpreter=choose_interpreter(realised))
            make_tree(order, work, store=store, progress=progress)

        store.ensure(PREFIXES, path.name, build)
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
    tree = expect_tree(gather_contents(realised, store, progress), str(prefix), realised.platform)
    return verify_tree(tree, prefix, progress)
