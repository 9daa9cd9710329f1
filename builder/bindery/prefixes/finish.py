"""What is left to do when packages are linked: Bindery's own records, one owner per path, read-only files."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from bindery.core import digest_file, remove_tree
from bindery.prefixes.conda_meta import FOLDER, encode_records
from bindery.prefixes.tree import EXECUTABLE, PLAIN, WRITE_BITS, ExpectedFile

if TYPE_CHECKING:
    from pathlib import Path

    from bindery.prefixes.contents import PackageContents
    from bindery.prefixes.tree import ExpectedTree

_CLOBBERS = "__clobbers__"
_MARK = "CACHEDIR.TAG"


def finish_tree(contents: tuple[PackageContents, ...], tree: ExpectedTree, root: Path) -> None:
    """Leave in ``root`` what the tree says, but for packages' bytes; a second call changes nothing."""
    _settle_clobbers(tree, root)
    remove_tree(root / FOLDER)
    (root / FOLDER).mkdir()
    for path, (_, data) in encode_records(contents, tree.entries).items():
        (root / path).write_bytes(data)
    if _MARK not in tree.entries:
        (root / _MARK).unlink(missing_ok=True)
    _set_modes(tree, root, "")


def _settle_clobbers(tree: ExpectedTree, root: Path) -> None:
    """Where packages share a path, rattler keeps the others' files in a folder of its own: keep the right one."""
    for path in tree.losers:
        entry = tree.entries[path]
        if isinstance(entry, ExpectedFile) and not _has(root / path, entry):
            other = root / _CLOBBERS / entry.package / path
            if _has(other, entry):
                other.replace(root / path)
    remove_tree(root / _CLOBBERS)


def _has(path: Path, entry: ExpectedFile) -> bool:
    return path.is_file() and not path.is_symlink() and digest_file(path).hex == entry.sha256


def _set_modes(tree: ExpectedTree, folder: Path, inside: str) -> None:
    with os.scandir(folder) as children:
        for child in children:
            path = f"{inside}{child.name}"
            if child.is_symlink():
                continue
            if child.is_dir():
                _set_mode(child, EXECUTABLE)
                _set_modes(tree, folder / child.name, f"{path}/")
            else:
                entry = tree.entries.get(path)
                mode = entry.mode if isinstance(entry, ExpectedFile) else PLAIN
                _set_mode(child, mode & ~WRITE_BITS)


def _set_mode(child: os.DirEntry[str], mode: int) -> None:
    # A file that has its mode already may be a link into somebody else's cache, whose mode is not ours to set.
    if stat.S_IMODE(child.stat(follow_symlinks=False).st_mode) != mode:
        os.chmod(child.path, mode)  # noqa: PTH101 - 40,000 times
