"""An image → everything in which it is not what it must be."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from bindery.core import BadInput
from bindery.images.verify.compare import compare_trees
from bindery.images.verify.expected import BASE, BaseContent, expect_tree
from bindery.images.verify.findings import ImageFinding
from bindery.images.verify.overlay import Overlay
from bindery.images.verify.settings import compare_annotations, compare_config
from bindery.images.verify.source import layout_source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bindery.core import Progress
    from bindery.images.layout import Image
    from bindery.images.verify.entries import Oddity
    from bindery.images.verify.expected import ExpectedImage, ExpectedTree
    from bindery.images.verify.source import ImageSource, ReadImage

# What an engine lays into every container, whatever the image has there.
_ENGINES_OWN = ("/.dockerenv", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/etc/mtab")
_ENGINES_FOLDERS = ("/dev/", "/proc/", "/sys/", "/run/")
_FIX = "bindery build --update-base"


def verify_image(source: ImageSource, expected: ExpectedImage, *, progress: Progress) -> tuple[ImageFinding, ...]:
    """Return where the image differs from what it must be, sorted by path: nothing, if it is sound.

    Every layer is read as a stream; memory holds what layers say of their paths, and no content.

    Raises:
        BadInput: a part of what is expected cannot be read.
        ToolFailed: the network, the engine or the disk failed.

    """
    tree = expect_tree(expected)
    image = source.read(progress)
    findings = [*image.findings, *_compare_base(expected.base, image)]
    findings += compare_tree(tree, expected, image, was_run=image.is_flat)
    if expected.config is not None and image.config is not None:
        findings += compare_config(expected.config, image.config, with_labels=not expected.are_labels_open)
    if expected.annotations is not None and image.annotations is not None:
        said = {name: value for name, value in image.annotations.items() if name not in expected.open_annotations}
        findings += compare_annotations(expected.annotations, said)
    return sorted_findings(findings)


def read_base(base: Image, *, progress: Progress) -> BaseContent:
    """Return what the pinned base holds.

    Raises:
        BadInput: a blob of it is damaged or missing.

    """
    read = layout_source(base).read(progress)
    for finding in read.findings:
        raise BadInput(f"the base is damaged: {finding.layer}: {finding.detail}", str(base.descriptor.digest), _FIX)
    return BaseContent(diff_ids=base.config.diff_ids, layers=tuple(layer.content for layer in read.layers))


def _compare_base(base: BaseContent | None, image: ReadImage) -> Iterator[ImageFinding]:
    if base is None or image.is_flat:
        return
    for number, diff_id in enumerate(base.diff_ids):
        there = image.layers[number] if number < len(image.layers) else None
        if there is None or there.content.sha256 != diff_id.hex:
            detail = f"is not layer {number + 1} of the base, {diff_id}"
            yield ImageFinding(package=BASE, path="", layer=there.label if there else "", what="digest", detail=detail)


def sorted_findings(findings: Iterable[ImageFinding]) -> tuple[ImageFinding, ...]:
    """Return each of them once, sorted by path."""
    return tuple(sorted(dict.fromkeys(findings), key=lambda one: (one.path, one.layer, one.what, one.detail)))


def compare_tree(
    tree: ExpectedTree, expected: ExpectedImage, image: ReadImage, *, was_run: bool = False
) -> Iterator[ImageFinding]:
    """Yield where the files of the image are not those of the tree; ``was_run``: not what running it leaves behind."""
    overlay = Overlay()
    labels = [layer.label for layer in image.layers]
    for number, layer in enumerate(image.layers):
        overlay.lay(number, layer.content.entries, is_flat=image.is_flat)
        for oddity in layer.content.oddities:
            overlay.oddities.append((number, oddity))
    inside = f"{tree.environment}/"

    def judges(path: str) -> bool:
        return expected.is_complete or path.startswith(inside)

    for finding in compare_trees(tree, overlay, labels, judges):
        if expected.is_base_open and not (f"{finding.path}/".startswith(f"/{inside}") or _holds(finding.path, inside)):
            continue
        if not (was_run and _is_of_running(finding, tree)):
            yield finding
    for number, oddity in overlay.oddities:
        if oddity not in tree.oddities:
            yield _odd(oddity, tree, labels[number])


def _holds(path: str, inside: str) -> bool:
    """Answer whether the environment lies in the folder."""
    return f"/{inside}".startswith(f"{path}/")


def _is_of_running(finding: ImageFinding, tree: ExpectedTree) -> bool:
    """Answer whether it is only that the container runs, or has run."""
    if finding.path in _ENGINES_OWN or f"{finding.path}/".startswith(_ENGINES_FOLDERS):
        return True
    return finding.what == "added" and _is_writable(finding.path[1:], tree)


def _is_writable(path: str, tree: ExpectedTree) -> bool:
    """Answer whether the image lets somebody else than root write in the folder of the path."""
    while path := posixpath.dirname(path):
        folder = tree.overlay.paths.get(path)
        if folder is not None:
            return folder.entry.owner[0] != 0 or bool(folder.entry.mode & 0o002)
    return False


def _odd(oddity: Oddity, tree: ExpectedTree, label: str) -> ImageFinding:
    path = oddity.path if oddity.path.startswith("/") or not oddity.path else f"/{oddity.path}"
    return ImageFinding(
        package=tree.packages.get(oddity.path, ""), path=path, layer=label, what="odd", detail=oddity.detail
    )
