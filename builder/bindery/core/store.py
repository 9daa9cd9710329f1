"""The cache of everything that Bindery makes, addressed by content.

An entry is a file or a folder ``<store>/<kind>/<key>``. It is built beside its place and renamed into it, so that a
process that is killed leaves nothing that another can see. One process builds an entry at a time where the file
system has locks; where it has none (some Lustre mounts), two may build the same entry and the first one stays.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import stat
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bindery.core.errors import BadInput
from bindery.core.files import disk_errors, remove_tree
from bindery.core.processes import end_processes_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}
_TAKEN = {errno.ENOTEMPTY, errno.EEXIST, errno.EISDIR, errno.ENOTDIR}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+@=-]*")


@dataclass(frozen=True, slots=True)
class Store:
    """A folder of entries; see the module."""

    root: Path

    def path(self, kind: str, key: str) -> Path:
        """Return where the entry is, or would be.

        Raises:
            BadInput: the kind or the key is not a plain file name.

        """
        for name in (kind, key):
            if not _NAME.fullmatch(name):
                raise BadInput(f"{name!r} cannot be the name of an entry", str(self.root))
        return self.root / kind / key

    def ensure(self, kind: str, key: str, build: Callable[[Path], None]) -> Path:
        """Return the entry's path, after building it if it was not there.

        ``build`` is given a path that does not exist, in a folder of its own on the same file system; it makes a
        file or a folder there.

        Raises:
            ToolFailed: the disk is full or cannot be written.

        """
        path = self.path(kind, key)
        if path.exists():
            return path
        with self.lock(kind, key) as alone:
            if path.exists():
                return path
            with disk_errors(path), self._workplace(path, alone=alone) as work:
                build(work)
                _rename(work, path)
        return path

    @contextmanager
    def lock(self, kind: str, key: str) -> Iterator[bool]:
        """Hold the entry's lock while the context lasts; True if this file system has locks."""
        path = self.path(kind, key)
        lock = path.parent / ".locks" / key
        with disk_errors(lock):
            lock.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                alone = True
            except OSError as error:
                if error.errno not in _NO_LOCKS:
                    raise
                alone = False
            yield alone
        finally:
            os.close(descriptor)

    @contextmanager
    def _workplace(self, path: Path, *, alone: bool) -> Iterator[Path]:
        works = path.parent / ".work"
        if alone and works.is_dir():
            # Whoever held the lock before us is gone, so what it left of this entry is of no use; programs that it
            # started may be busy with it yet.
            for stale in works.glob(f"{path.name}~*"):
                with suppress(PermissionError):  # where a group shares the store, it may be somebody else's
                    end_processes_in(stale)
                    remove_tree(stale)
        work = works / f"{path.name}~{secrets.token_hex(6)}"
        work.mkdir(parents=True)
        try:
            yield work / path.name
        finally:
            remove_tree(work)


def _rename(work: Path, path: Path) -> None:
    mode = stat.S_IMODE(work.lstat().st_mode)
    closed = work.is_dir() and not work.is_symlink() and not mode & stat.S_IWUSR
    try:
        if closed:
            work.chmod(mode | stat.S_IWUSR)  # only root can move a folder that it cannot write
        work.rename(path)
        if closed:
            path.chmod(mode)
    except OSError as error:
        if error.errno not in _TAKEN or not path.exists():
            raise


def default_store(environ: Mapping[str, str]) -> Store:
    """Return the store that ``BINDERY_STORE`` names, else the one in the user's cache folder."""
    chosen = environ.get("BINDERY_STORE")
    if chosen:
        return Store(Path(chosen).expanduser().absolute())
    cache = environ.get("XDG_CACHE_HOME")
    home = Path(cache) if cache else Path.home() / ".cache"
    return Store(home.absolute() / "bindery")
