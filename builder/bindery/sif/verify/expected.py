"""What a SIF must be: the image's tree as the converter packs it, with Singularity's own files upon it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bindery.images.verify import ExpectedImage, ExpectedTree, expect_tree, member_entry
from bindery.sif.singularity_files import FOLDER, singularity_members

if TYPE_CHECKING:
    from collections.abc import Container

    from bindery.core.tarstreams import TarMember
    from bindery.images import ImageConfig
    from bindery.images.verify import TarEntry

SINGULARITY = "singularity"
_EXECUTES, _READS = 0o111, 0o444


@dataclass(frozen=True, kw_only=True, slots=True)
class ExpectedSif:
    """A SIF to be. ``config`` is the configuration of its image, byte for byte; None if that cannot be foretold."""

    image: ExpectedImage
    config: ImageConfig | None


def expect_rootfs(expected: ExpectedSif) -> ExpectedTree:
    """Return every path that containers of the SIF must see.

    Raises:
        BadInput: a part of the image cannot be read.

    """
    tree = expect_tree(expected.image)
    paths = tree.overlay.paths
    for path, placed in list(paths.items()):
        if placed.entry.kind in {"device", "unknown"}:
            del paths[path]
        else:
            placed.entry = as_packed(placed.entry)
    packages = dict(tree.packages)
    if expected.config is not None:
        number = 1 + max((placed.layer for placed in paths.values()), default=0)
        added = [member_entry(one) for one in singularity_members(expected.config) if not _gives_way(one, paths)]
        tree.overlay.lay(number, added)
        packages |= {path: SINGULARITY for path, _ in added}
    return replace(tree, packages=packages)


def _gives_way(member: TarMember, paths: Container[str]) -> bool:
    """Answer whether the image's own stays: where there is one, and the member is a folder, a link, or empty."""
    is_there = member.path in paths
    return is_there and not member.size_bytes and not member.path.startswith(f"{FOLDER}/")


def as_packed(entry: TarEntry) -> TarEntry:
    """Return the entry as it is in a SIF: root's, for everybody to read, without privileges or extended attributes."""
    mode = entry.mode | 0o755
    if entry.kind != "folder":
        mode = entry.mode & 0o777 | _READS | (_EXECUTES if entry.mode & _EXECUTES else 0)
    return replace(entry, mode=mode, owner=(0, 0), attributes=())
