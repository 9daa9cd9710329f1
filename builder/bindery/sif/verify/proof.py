"""A SIF → everything in which it is not what it must be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bindery.images.verify import compare_tree, sorted_findings
from bindery.sif.convert import identify
from bindery.sif.verify.expected import expect_rootfs
from bindery.sif.verify.metadata import compare_claims, compare_metadata
from bindery.sif.verify.tree import read_tree

if TYPE_CHECKING:
    from bindery.core import Progress
    from bindery.images.verify import ImageFinding
    from bindery.sif.format import Sif
    from bindery.sif.verify.expected import ExpectedSif


def verify_sif(sif: Sif, expected: ExpectedSif, *, progress: Progress) -> tuple[ImageFinding, ...]:
    """Return where the SIF differs from what it must be, sorted by path: nothing, if it is sound.

    Its file system is read as a stream; memory holds what it says of its paths, and no content. Signatures are no
    difference; nobody's key is asked whether they are right.

    Raises:
        BadInput: it has no squashfs to run, or a damaged one; or a part of what is expected cannot be read.

    """
    tree = expect_rootfs(expected)
    config = expected.config
    epoch_s = None if config is None else identify(config, str(sif.path)).created_s
    found = read_tree(sif, tree, epoch_s, progress=progress)
    said = compare_claims(sif) if config is None else compare_metadata(sif, config)
    return sorted_findings([*found.findings, *compare_tree(tree, expected.image, found), *said])
