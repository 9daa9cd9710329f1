"""The tree of an image against the tree that it must be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bindery.images.verify.findings import ImageFinding, What

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bindery.images.verify.entries import TarEntry
    from bindery.images.verify.expected import ExpectedTree
    from bindery.images.verify.overlay import Overlay, Placed

_WORDS = {"file": "a file", "folder": "a folder", "link": "a link", "device": "a device", "pipe": "a pipe"}


def compare_trees(
    expected: ExpectedTree, found: Overlay, layers: Sequence[str], judges: Callable[[str], bool]
) -> Iterator[ImageFinding]:
    """Yield what differs, in no order. ``layers`` are the words for the image's layers.

    ``judges`` answers for a path that is not expected whether it should not be there.
    """
    for path, must in expected.overlay.paths.items():
        there = found.paths.get(path)
        package = expected.packages.get(path, "")
        if there is not None:
            for what, detail in _differences(must.entry, there.entry):
                yield _finding(package, path, layers[there.layer], what, detail)
        elif not _is_plain_folder(must):
            layer = found.layer_of(path)
            detail = "is hidden or taken away" if layer >= 0 else "is not there"
            yield _finding(package, path, layers[layer] if layer >= 0 else "", "missing", detail)
    busy = {path.rpartition("/")[0] for path in found.paths.keys() - expected.overlay.paths.keys()}
    for path, there in found.paths.items():
        # A folder that only holds what should not be there either would say nothing new.
        if path in expected.overlay.paths or (there.entry.kind == "folder" and path in busy) or not judges(path):
            continue
        kind = _WORDS.get(there.entry.kind, "something")
        yield _finding("", path, layers[there.layer], "added", f"{kind} that belongs to nothing")


def _is_plain_folder(must: Placed) -> bool:
    # Where no layer of ours says that a folder is there, what is missing is in it, and is found by itself.
    return must.implied


def _differences(must: TarEntry, there: TarEntry) -> Iterator[tuple[What, str]]:
    if must.kind != there.kind:
        yield "changed", f"is {_WORDS.get(there.kind, there.kind)}, not {_WORDS.get(must.kind, must.kind)}"
        return
    if must.size_bytes != there.size_bytes:
        yield "changed", f"has {there.size_bytes} bytes, not {must.size_bytes}"
    elif must.sha256 != there.sha256:
        yield "changed", f"has sha256 {there.sha256.hex()[:12]}…, not {must.sha256.hex()[:12]}…"
    if must.target != there.target:
        yield "link", f"leads to {there.target}, not to {must.target}"
    # A link has no mode of its own: it is read as 0777 everywhere.
    if must.mode != there.mode and must.kind != "link":
        yield "mode", f"has mode {there.mode:o}, not {must.mode:o}"
    if must.owner != there.owner:
        yield "owner", f"belongs to {_words(there.owner)}, not to {_words(must.owner)}"
    if must.attributes != there.attributes:
        names = ", ".join(sorted({name for name, _ in {*must.attributes} ^ {*there.attributes}}))
        yield "attribute", f"has other extended attributes: {names}"


def _words(owner: tuple[int, int]) -> str:
    return f"{owner[0]}:{owner[1]}"


def _finding(package: str, path: str, layer: str, what: What, detail: str) -> ImageFinding:
    return ImageFinding(package=package, path=f"/{path}", layer=layer, what=what, detail=detail)
