"""What an image must be, from what its user has: the lock, the pinned base, the repository, and this program.

The image's own words (annotations, labels, history) are compared with this and never asked.
"""

from __future__ import annotations

import hashlib
import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bindery.core import CHUNK_BYTES, BadInput
from bindery.images.verify.entries import FOLDER_MODE, TarEntry
from bindery.images.verify.overlay import Overlay

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bindery.core import Digest
    from bindery.core.tarstreams import TarMember
    from bindery.images.manifest import ImageConfig
    from bindery.images.verify.entries import LayerContent, Oddity
    from bindery.prefixes import LinkedPrefix

BASE = "base"


@dataclass(frozen=True, kw_only=True, slots=True)
class BaseContent:
    """The pinned base, read from a copy whose digests were checked: its layers' diff IDs and what they hold."""

    diff_ids: tuple[Digest, ...]
    layers: tuple[LayerContent, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """Files of an image that are neither the base's nor the environment's, and the word for them in findings."""

    name: str
    members: Sequence[TarMember]


@dataclass(frozen=True, kw_only=True, slots=True)
class ExpectedImage:
    """An image to be. What is None is not known, and so not compared.

    ``below`` are the parts under the environment, ``above`` those over it, in their order. If ``is_complete``, there
    must be no other file; else others may be anywhere but in the environment. ``open_annotations`` may say anything.
    If ``is_base_open``, only the base's layers are compared, and no file outside the environment: a command of root may
    have changed them. If ``are_labels_open``, labels are not compared.
    """

    linked: LinkedPrefix
    base: BaseContent | None = None
    below: tuple[Part, ...] = ()
    above: tuple[Part, ...] = ()
    config: ImageConfig | None = None
    annotations: Mapping[str, str] | None = None
    open_annotations: frozenset[str] = frozenset()
    is_complete: bool = True
    is_base_open: bool = False
    are_labels_open: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ExpectedTree:
    """Every path that must be there, and the package or part that each belongs to.

    ``environment`` is the folder of the environment, relative to the image's root. ``oddities`` are the base's own.
    """

    overlay: Overlay
    packages: Mapping[str, str]
    environment: str
    oddities: frozenset[Oddity]


def expect_tree(image: ExpectedImage) -> ExpectedTree:
    """Return the tree that a container of the image must see.

    Raises:
        BadInput: a file of a part has another size than was said.

    """
    overlay = Overlay()
    layers = image.base.layers if image.base else ()
    for number, layer in enumerate(layers):
        overlay.lay(number, layer.entries)
    oddities = {one for layer in layers for one in layer.oddities} | {one for _, one in overlay.oddities}
    packages = dict.fromkeys(overlay.paths, BASE)
    environment = image.linked.target.strip("/")
    number = len(layers)
    for part in image.below:
        _lay_part(part, number, overlay, packages)
        number += 1
    overlay.lay(number, _from_linked(image.linked, environment))
    packages |= {f"{environment}/{path}": entry.package for path, entry in image.linked.entries.items()}
    for part in image.above:
        number += 1
        _lay_part(part, number, overlay, packages)
    return ExpectedTree(overlay=overlay, packages=packages, environment=environment, oddities=frozenset(oddities))


def _lay_part(part: Part, number: int, overlay: Overlay, packages: dict[str, str]) -> None:
    entries = [member_entry(member) for member in part.members]
    overlay.lay(number, entries)
    packages |= {path: part.name for path, entry in entries if entry.kind != "folder" or path not in packages}


def _from_linked(linked: LinkedPrefix, environment: str) -> Iterator[tuple[str, TarEntry]]:
    folder = environment
    above = [environment]
    while folder := posixpath.dirname(folder):
        above.append(folder)
    for one in reversed(above):
        yield one, TarEntry(kind="folder", mode=FOLDER_MODE)
    for path, entry in linked.entries.items():
        if entry.kind == "link":
            yield f"{environment}/{path}", TarEntry(kind="link", mode=entry.mode, target=entry.target)
        else:
            yield (
                f"{environment}/{path}",
                TarEntry(kind="file", mode=entry.mode, sha256=bytes.fromhex(entry.sha256), size_bytes=entry.size_bytes),
            )


def member_entry(member: TarMember) -> tuple[str, TarEntry]:
    """Return the path of the member, relative, and what must be there; its content is read.

    Raises:
        BadInput: it has another size than was said.

    """
    owner = (member.uid, member.gid)
    path = member.path.strip("/")
    if member.target is not None:
        return path, TarEntry(kind="link", mode=member.mode, owner=owner, target=member.target)
    if member.hardlink is not None:
        return path, TarEntry(kind="hardlink", mode=member.mode, owner=owner, target=member.hardlink.strip("/"))
    if member.open is None:
        return path, TarEntry(kind="folder", mode=member.mode, owner=owner)
    state, left = hashlib.sha256(), member.size_bytes
    with member.open() as stream:
        while data := stream.read(CHUNK_BYTES):
            state.update(data)
            left -= len(data)
    if left:
        raise BadInput(f"has {member.size_bytes - left} bytes, expected {member.size_bytes}", member.path)
    return path, TarEntry(
        kind="file", mode=member.mode, owner=owner, sha256=state.digest(), size_bytes=member.size_bytes
    )
