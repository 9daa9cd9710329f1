"""The files of a SIF as a layer that was read, so that they are compared as those of an image are."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from bindery.images.verify import ImageFinding, LayerContent, ReadImage, ReadLayer, TarEntry
from bindery.sif.read import open_tree

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bindery.core import Progress, Task
    from bindery.images.verify import ExpectedTree
    from bindery.images.verify import Kind as TarKind
    from bindery.sif.format import Sif
    from bindery.sif.unsquash import Kind, Node, Unsquash

_KINDS: Mapping[Kind, TarKind] = {
    "file": "file",
    "folder": "folder",
    "link": "link",
    "block": "device",
    "character": "device",
    "pipe": "pipe",
    "socket": "unknown",
}


def read_tree(sif: Sif, tree: ExpectedTree, epoch_s: int | None, *, progress: Progress) -> ReadImage:
    """Return the files; those that have another size than they must are not digested. Times are found here.

    Raises:
        BadInput: the file system is damaged.

    """
    findings: list[ImageFinding] = []
    with open_tree(sif) as system, progress.task(f"Reading {sif.path.name}", None, "bytes") as task:
        entries = tuple(_entries(system, tree, epoch_s, findings, task))
    content = LayerContent(entries=entries, oddities=(), sha256="")
    return ReadImage(layers=(ReadLayer(label="", content=content),), findings=tuple(findings), is_flat=True)


def _entries(
    system: Unsquash, tree: ExpectedTree, epoch_s: int | None, findings: list[ImageFinding], task: Task
) -> Iterator[tuple[str, TarEntry]]:
    digests: dict[int, bytes] = {}
    for node in system.nodes():
        package = tree.packages.get(node.path, "base")
        if epoch_s is not None and package != "base" and node.mtime_s != epoch_s:
            # The files of a base may be of any time.
            detail = f"is of {node.mtime_s} s since 1970, not of {epoch_s}"
            findings.append(ImageFinding(package=package, path=f"/{node.path}", layer="", what="time", detail=detail))
        must = tree.overlay.paths.get(node.path)
        sha256 = b""
        if node.kind == "file" and must is not None and must.entry.size_bytes == node.size_bytes:
            if node.number not in digests:
                digests[node.number] = _digest(system, node, task)
            sha256 = digests[node.number]
        yield node.path, _entry(node, sha256)


def _entry(node: Node, sha256: bytes) -> TarEntry:
    target = node.target
    if node.kind in {"block", "character"}:
        target = f"{node.kind[0]} {node.device[0]}:{node.device[1]}"
    return TarEntry(
        kind=_KINDS[node.kind],
        mode=node.mode,
        owner=node.owner,
        sha256=sha256,
        size_bytes=node.size_bytes,
        target=target,
        attributes=(("some", ""),) if node.has_attributes else (),
    )


def _digest(system: Unsquash, node: Node, task: Task) -> bytes:
    state = hashlib.sha256()
    for piece in system.read(node):
        state.update(piece)
        task.advance(len(piece))
    return state.digest()
