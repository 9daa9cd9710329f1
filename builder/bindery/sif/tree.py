"""Layers laid upon each other: which entry of which layer stands at each path in the end. Contents play no part.

A million paths are kept in memory, so a file is one integer: the number of its layer, and of its entry there.

Source: OCI image-spec v1.1, layer.md. What it leaves open is done as umoci and Docker do it on a plain file
system: links in a parent path are followed inside the tree; what is not a folder is replaced by what comes later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from bindery.core import BadInput
    from bindery.sif.layer_reader import Entry

FOLDER_MODE = 0o755
_WHITEOUT = ".wh."
_META = ".wh..wh."
_OPAQUE = ".wh..wh..opq"
_LAYER_BITS = 32
_MOST_LINKS = 40  # as Linux

Code = int
"""The number of a layer, shifted by 32 bits, and of an entry in it."""


def encode_code(layer: int, ordinal: int) -> Code:
    """Return what stands in the tree for this entry."""
    return layer << _LAYER_BITS | ordinal


class Folder:
    """A folder: what is in it, and what the last layer that has an entry for it says of it."""

    __slots__ = ("children", "layer", "mode", "mtime_s")

    def __init__(self, layer: int, mode: int = FOLDER_MODE, mtime_s: int | None = None) -> None:
        self.children: dict[str, Node] = {}
        self.layer = layer
        self.mode = mode
        self.mtime_s = mtime_s

    def imply(self, layer: int) -> None:
        """Become a folder that the layer has no entry for, but something in."""
        self.layer, self.mode, self.mtime_s = layer, FOLDER_MODE, None


class Link:
    """A symbolic link (``target``), or a hard link to an entry of a lower layer (None)."""

    __slots__ = ("code", "layer", "target")

    def __init__(self, code: Code, layer: int, target: str | None) -> None:
        self.code = code
        self.layer = layer
        self.target = target


Node = Folder | Link | Code


class Tree:
    """The tree of all layers that were laid so far."""

    def __init__(self) -> None:
        self.root = Folder(0)
        self._moved: dict[Code, str] = {}
        self._more: dict[Code, list[str]] = {}
        self._last: tuple[str, Folder, str] | None = None

    def lay(self, number: int, entries: Iterable[Entry], error: Callable[[str, str], BadInput]) -> None:
        """Put a layer on top; ``error`` makes the error about something at a path.

        Raises:
            BadInput: the layer has a hard link to nothing, a path through a file, or links that go round.

        """
        for ordinal, entry in enumerate(entries):
            if not entry.path:
                if entry.kind == "folder":
                    self.root.mode, self.root.mtime_s = entry.mode, entry.mtime_s
                continue
            name = entry.path.rpartition("/")[2]
            if name.startswith(_WHITEOUT):
                self._white_out(number, entry.path, name, error)
            else:
                self._place(encode_code(number, ordinal), entry, error)
        # What aufs kept in a layer beside the image's own files; hard links may lead there.
        for name in [one for one in self.root.children if one.startswith(_META)]:
            del self.root.children[name]
        self._last = None

    def is_taken(self, path: str) -> bool:
        """Answer whether something stands at the path, links in its parents followed, or nothing could be put there."""
        above, _, name = path.rpartition("/")
        try:
            parent, _ = self._walk(above, None, _unwalkable)
        except _UnwalkableError:
            return True
        if parent is None:
            return bool(above) and self.is_taken(above)
        return name in parent.children

    def names(self, code: Code, path: str) -> list[str]:
        """Return the paths at which this entry, itself at ``path``, stands in the end: several if it is hard-linked."""
        first = self._moved.get(code, path)
        more = self._more.get(code)
        if more is None:
            return [first] if self._code_at(first) == code else []
        return [one for one in dict.fromkeys((first, *more)) if self._code_at(one) == code]

    def folders(self) -> Iterator[tuple[str, Folder]]:
        """Yield every folder but the root, each after the one it is in, sorted by name."""
        waiting = [("", self.root)]
        while waiting:
            path, folder = waiting.pop()
            if path:
                yield path, folder
            inner = [(name, one) for name, one in folder.children.items() if isinstance(one, Folder)]
            inner.sort(key=_name, reverse=True)
            waiting += [(f"{path}/{name}" if path else name, one) for name, one in inner]

    def _code_at(self, path: str) -> Code | None:
        above, _, name = path.rpartition("/")
        last = self._last
        if last is None or last[0] != above:
            folder = self.root
            for part in above.split("/") if above else ():
                inner = folder.children.get(part)
                if not isinstance(inner, Folder):
                    return None
                folder = inner
            last = self._last = (above, folder, above)
        found = last[1].children.get(name)
        if isinstance(found, Link):
            return found.code
        return found if isinstance(found, int) else None

    def _place(self, code: Code, entry: Entry, error: Callable[[str, str], BadInput]) -> None:
        number = code >> _LAYER_BITS
        parent, path = self._parent(entry.path, number, error)
        name = entry.path.rpartition("/")[2]
        old = parent.children.get(name)
        if entry.kind == "folder" and isinstance(old, Folder):
            old.layer, old.mode, old.mtime_s = number, entry.mode, entry.mtime_s
            return
        if old is not None and not isinstance(old, int):
            self._last = None
        match entry.kind:
            case "folder":
                parent.children[name] = Folder(number, entry.mode, entry.mtime_s)
            case "hardlink":
                self._join(parent, f"{path}/{name}" if path else name, entry, number, error)
            case "link":
                parent.children[name] = Link(code, number, entry.target)
            case _:
                parent.children[name] = code
        if path != entry.path.rpartition("/")[0] and entry.kind not in {"folder", "hardlink"}:
            self._moved[code] = f"{path}/{name}" if path else name

    def _join(
        self, parent: Folder, path: str, entry: Entry, number: int, error: Callable[[str, str], BadInput]
    ) -> None:
        above, _, name = entry.target.rpartition("/")
        folder, _ = self._walk(above, None, lambda what: error(what, entry.path))
        there = folder.children.get(name) if folder is not None else None
        if there is None or isinstance(there, Folder):
            what = "is not there" if there is None else "is a folder"
            raise error(f"is a hard link to {entry.target}, which {what}", entry.path)
        code, target = (there.code, there.target) if isinstance(there, Link) else (there, None)
        # The entry is of the layer that has the link, wherever its content comes from.
        is_plain = target is None and code >> _LAYER_BITS == number
        parent.children[path.rpartition("/")[2]] = code if is_plain else Link(code, number, target)
        self._more.setdefault(code, []).append(path)

    def _parent(self, path: str, number: int, error: Callable[[str, str], BadInput]) -> tuple[Folder, str]:
        """Return the folder that the path is in, which is made if it is not there, and where that really is."""
        above = path.rpartition("/")[0]
        if self._last is None or self._last[0] != above:
            folder, where = self._walk(above, number, lambda what: error(what, path))
            assert folder is not None  # noqa: S101 - it is made
            self._last = (above, folder, where)
        return self._last[1], self._last[2]

    def _walk(self, path: str, number: int | None, error: Callable[[str], Exception]) -> tuple[Folder | None, str]:
        """Return the folder at the path, and its path without links; layer ``number``, if any, makes what lacks."""
        way = _Way(self.root)
        left = path.split("/")[::-1]
        links = 0
        while left:
            part = left.pop()
            if part in {"", ".", ".."}:
                way.step(part)
                continue
            child = way.folder.children.get(part)
            if isinstance(child, Link) and child.target is not None:
                links += 1
                if links > _MOST_LINKS:
                    raise error("goes through links that go round")
                if child.target.startswith("/"):
                    way = _Way(self.root)
                left += child.target.split("/")[::-1]
                continue
            if not isinstance(child, Folder):
                if number is None:
                    return None, ""
                if child is not None:
                    raise error(f"goes through {way.beyond(part)}, which is not a folder")
                child = way.folder.children[part] = Folder(number)
            way.enter(part, child)
        return way.folder, way.path

    def _white_out(self, number: int, path: str, name: str, error: Callable[[str, str], BadInput]) -> None:
        if name != _OPAQUE and name.startswith(_META):
            return
        hidden = name.removeprefix(_WHITEOUT)
        if hidden in {"", ".", ".."}:
            raise error("is a whiteout of nothing", path)
        folder, _ = self._parent(path, number, error)
        self._last = None
        if name == _OPAQUE:
            _prune(folder, number)
            return
        there = folder.children.get(hidden)
        if isinstance(there, Folder):
            _prune(there, number)
            if there.layer < number and there.children:
                there.imply(number)
        if there is not None and _is_lower(there, number):
            del folder.children[hidden]


class _Way:
    """The folders from the root to one of them. Above the root is the root."""

    def __init__(self, root: Folder) -> None:
        self._folders = [root]
        self._names: list[str] = []

    @property
    def folder(self) -> Folder:
        return self._folders[-1]

    @property
    def path(self) -> str:
        return "/".join(self._names)

    def enter(self, name: str, folder: Folder) -> None:
        self._folders.append(folder)
        self._names.append(name)

    def step(self, part: str) -> None:
        """Go where an empty name, ``.`` or ``..`` leads."""
        if part == ".." and self._names:
            self._folders.pop()
            self._names.pop()

    def beyond(self, name: str) -> str:
        return "/".join([*self._names, name])


class _UnwalkableError(Exception):
    """Links lead round, or into a file."""


def _unwalkable(what: str) -> _UnwalkableError:
    return _UnwalkableError(what)


def _name(item: tuple[str, Folder]) -> bytes:
    return item[0].encode(errors="surrogateescape")


def _is_lower(node: Node, number: int) -> bool:
    """Answer whether nothing of this layer is there."""
    match node:
        case Folder():
            return node.layer < number and not node.children
        case Link():
            return node.layer < number
        case _:
            return node >> _LAYER_BITS < number


def _prune(folder: Folder, number: int) -> None:
    """Leave in the folder, and below, only what layer ``number`` has put there."""
    found = [folder]
    for one in found:  # which grows meanwhile: paths may be deeper than Python calls functions
        found.extend(child for child in one.children.values() if isinstance(child, Folder))
    for one in reversed(found):
        one.children = {name: child for name, child in one.children.items() if not _is_lower(child, number)}
        if one is not folder and one.layer < number and one.children:
            one.imply(number)
