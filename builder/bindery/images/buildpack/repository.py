"""The repository as a layer: the tree that repo2docker would copy, without the weather of one machine.

What ``.dockerignore`` names is left out, by the same code that repo2docker calls. So is ``.git``, everywhere: its bytes
differ between two clones of one commit, its configuration may hold a remote's URL with a token in it, and its history
what somebody meant to delete. The image's annotations name source and revision instead.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import stat
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from bindery.core import CHUNK_BYTES, BadInput, Digest
from bindery.core.tarstreams import TarMember, tidy_mode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from bindery.images.buildpack.config_files import ConfigFiles

GIT = ".git"
EXECUTABLE = 0o755
LINK = 0o777


def repository_members(files: ConfigFiles, target: str, owner: int) -> tuple[TarMember, ...]:
    """Return the repository's files below ``target`` (``home/jovyan``), all of the owner, sorted by path.

    Modes are 0755 for folders and what the owner may execute, the script ``start`` among them, else 0644.

    Raises:
        BadInput: a link leads out of the repository, a name is not UTF-8, or something is neither file nor link.

    """
    return tuple(_member(files, path, target, owner) for path in list_repository(files))


def list_repository(files: ConfigFiles) -> tuple[str, ...]:
    """Return the paths of what is copied, folders among them, sorted by bytes.

    Raises:
        BadInput: a name is not UTF-8.

    """
    paths = [path for path in _kept(files) if GIT not in path.split("/")]
    for path in paths:
        try:
            path.encode()
        except UnicodeEncodeError as error:
            raise BadInput(f"the name {os.fsencode(path)!r} is not UTF-8", str(files.folder)) from error
    return tuple(sorted(paths, key=str.encode))


def _kept(files: ConfigFiles) -> Iterable[str]:
    """Return the paths that the patterns do not exclude; what lies in a ``.git`` may be among them."""
    root = str(files.folder)
    if files.ignored:
        # With the client of the engine around it, it takes as long to import as all the rest of a second build.
        from docker.utils.build import exclude_paths  # noqa: PLC0415

        kept: set[str] = exclude_paths(root, [*files.ignored, GIT, f"**/{GIT}"])
        return kept
    return _walk(root, "")


def _walk(root: str, below: str) -> Iterator[str]:
    with os.scandir(f"{root}/{below}") as entries:
        for entry in entries:
            if entry.name != GIT:
                yield f"{below}{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    yield from _walk(root, f"{below}{entry.name}/")


def digest_repository(files: ConfigFiles) -> Digest:
    """Return what identifies the tree that is copied: paths, kinds, modes and contents.

    Raises:
        BadInput: as for ``repository_members``.

    """
    state = hashlib.sha256()
    for member in repository_members(files, "", 0):
        state.update(f"{member.path}\0{member.mode:o}\0{member.target or ''}\0{member.size_bytes}\0".encode())
        if member.open is not None:
            with member.open() as stream:
                while data := stream.read(CHUNK_BYTES):
                    state.update(data)
    return Digest("sha256", state.hexdigest())


def _member(files: ConfigFiles, path: str, target: str, owner: int) -> TarMember:
    source = files.folder / path
    status = source.lstat()
    place = posixpath.join(target, path)
    if stat.S_ISLNK(status.st_mode):
        leads = str(source.readlink())
        if _leaves(path, leads):
            raise BadInput(
                f"is a link to {leads}, which is not in the repository",
                str(source),
                "make it a relative link inside, or name it in .dockerignore",
            )
        return TarMember(path=place, mode=LINK, target=leads, uid=owner, gid=owner)
    if stat.S_ISDIR(status.st_mode):
        return TarMember(path=place, mode=EXECUTABLE, uid=owner, gid=owner)
    if not stat.S_ISREG(status.st_mode):
        raise BadInput("is neither a file nor a folder nor a link", str(source), "name it in .dockerignore")
    return TarMember(
        path=place,
        mode=EXECUTABLE if path == files.start else tidy_mode(status.st_mode),
        size_bytes=status.st_size,
        # Opened when it is asked for: a repository may have more files than a process may have open.
        open=partial(_open, source),
        uid=owner,
        gid=owner,
    )


def _open(source: Path) -> BinaryIO:
    return source.open("rb")


def _leaves(path: str, leads: str) -> bool:
    if posixpath.isabs(leads):
        return True
    resolved = posixpath.normpath(posixpath.join(posixpath.dirname(path), leads))
    return resolved == ".." or resolved.startswith("../")


def parents(path: str) -> Iterator[str]:
    """Give the folders above the path, the highest first: ``a``, ``a/b`` for ``a/b/c``."""
    parts = path.split("/")
    for count in range(1, len(parts)):
        yield "/".join(parts[:count])
