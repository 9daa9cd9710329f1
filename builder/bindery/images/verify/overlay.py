"""Layers, one upon the other: the tree that a container sees, and which layer each path of it comes from.

Source: OCI image-spec v1.1, layer.md: a layer's whiteouts (``.wh.NAME``) and opaque folders (``.wh..wh..opq``) hide
what lower layers have, never what the same layer has, whatever the order of its entries.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from bindery.images.verify.entries import FOLDER_MODE, Oddity, TarEntry

if TYPE_CHECKING:
    from collections.abc import Iterable

_WHITEOUT = ".wh."
_META = ".wh..wh."
_OPAQUE = ".wh..wh..opq"
_NOWHERE = -1


@dataclass(slots=True)
class Placed:
    """A path's entry, and the number of the layer that it comes from.

    ``implied``: no layer has an entry for this folder, but there is something in it.
    """

    entry: TarEntry
    layer: int
    implied: bool = False


@dataclass(slots=True)
class Overlay:
    """The tree of all layers that were laid so far; paths are relative, with ``/``, the root is empty.

    ``removed`` says which layer took a path away that is not there any more.
    """

    paths: dict[str, Placed] = field(default_factory=dict)
    removed: dict[str, int] = field(default_factory=dict)
    oddities: list[tuple[int, Oddity]] = field(default_factory=list)

    def lay(self, number: int, entries: Iterable[tuple[str, TarEntry]], *, is_flat: bool = False) -> None:
        """Put a layer on top; in one that is flat, such as a container's export, whiteouts are plain files."""
        for path, entry in entries:
            folder, _, name = path.rpartition("/")
            if name.startswith(_WHITEOUT) and not is_flat:
                self._white_out(number, path, folder, name)
                continue
            self._make_parents(number, path, folder)
            placed = self._resolve(number, path, entry) if entry.kind == "hardlink" else entry
            if placed is not None:
                self._place(number, path, placed)

    def layer_of(self, path: str) -> int:
        """Return the layer that took the path, or a folder around it, away; -1 if none did."""
        while path:
            if path in self.removed:
                return self.removed[path]
            path = posixpath.dirname(path)
        return _NOWHERE

    def _note(self, number: int, path: str, detail: str) -> None:
        self.oddities.append((number, Oddity(path=path, detail=detail)))

    def _place(self, number: int, path: str, entry: TarEntry) -> None:
        there = self.paths.get(path)
        if there is not None and there.layer == number and not there.implied:
            both_folders = there.entry.kind == entry.kind == "folder"
            if not both_folders or there.entry != entry:
                self._note(number, path, "is in the layer twice")
        if there is not None and there.entry.kind == "folder" and entry.kind != "folder":
            self._remove_below(path, number + 1, number)
        self.removed.pop(path, None)
        self.paths[path] = Placed(entry, number)

    def _make_parents(self, number: int, path: str, folder: str) -> None:
        above = self.paths.get(folder)
        if above is not None and above.entry.kind == "folder":
            return
        if folder:
            self._make_parents(number, path, posixpath.dirname(folder))
        if above is not None:
            leads = f", a link to {above.entry.target}" if above.entry.kind == "link" else ""
            self._note(number, path, f"goes through {folder}{leads}: who unpacks it decides where it lands")
            return
        if folder:
            self.removed.pop(folder, None)
            self.paths[folder] = Placed(TarEntry(kind="folder", mode=FOLDER_MODE), number, implied=True)

    def _resolve(self, number: int, path: str, link: TarEntry) -> TarEntry | None:
        """Return what the hard link is another name of."""
        there = self.paths.get(link.target)
        if there is None or there.entry.kind == "folder":
            what = "is not there" if there is None else "is a folder"
            self._note(number, path, f"is a hard link to {link.target}, which {what}")
            # A file without content will be found to be another than the one that is expected.
            return replace(link, kind="unknown") if there is None else None
        target = there.entry
        attributes = link.attributes or target.attributes
        if (link.mode, link.owner, attributes) != (target.mode, target.owner, target.attributes):
            # Some programs give the mode of the link to the file that it shares.
            self._note(number, path, f"is a hard link to {link.target}, with another mode, owner or attribute")
        return target

    def _white_out(self, number: int, path: str, folder: str, name: str) -> None:
        if name == _OPAQUE:
            self._remove_below(folder, number, number)
            return
        hidden = name.removeprefix(_WHITEOUT)
        if name.startswith(_META) or hidden in {"", ".", ".."}:
            self._note(number, path, "is a whiteout that programs read differently")
            return
        target = f"{folder}/{hidden}" if folder else hidden
        there = self.paths.get(target)
        if there is None:
            return
        if there.entry.kind == "folder":
            self._remove_below(target, number, number)
            if any(one.startswith(f"{target}/") for one in self.paths):
                return  # the same layer has something in it
        if there.layer < number:
            del self.paths[target]
            self.removed[target] = number

    def _remove_below(self, folder: str, below: int, number: int) -> None:
        """Take away everything in the folder that layers lower than ``below`` have."""
        prefix = f"{folder}/" if folder else ""
        gone = [
            path
            for path, placed in self.paths.items()
            if placed.layer < below and path.startswith(prefix) and path != folder
        ]
        kept = {
            parent
            for path, placed in self.paths.items()
            if placed.layer >= below and path.startswith(prefix)
            for parent in _parents(path)
        }
        for path in gone:
            if path not in kept:
                del self.paths[path]
                self.removed[path] = number


def _parents(path: str) -> Iterable[str]:
    while path := posixpath.dirname(path):
        yield path
