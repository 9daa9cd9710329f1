"""An image, file by file, against what it must be."""

from typing import TYPE_CHECKING

from bindery.core.front_door import open_on_demand

if TYPE_CHECKING:
    from bindery.images.verify.described import expect_image
    from bindery.images.verify.entries import Kind, LayerContent, TarEntry
    from bindery.images.verify.expected import (
        BaseContent,
        ExpectedImage,
        ExpectedTree,
        Part,
        expect_tree,
        member_entry,
    )
    from bindery.images.verify.findings import ImageFinding, What
    from bindery.images.verify.opening import OpenedImage, open_image
    from bindery.images.verify.proof import compare_tree, read_base, sorted_findings, verify_image
    from bindery.images.verify.source import BlobSource, ImageSource, ReadImage, ReadLayer, layout_source
    from bindery.images.verify.whole_config import expect_config

__all__ = [
    "BaseContent",
    "BlobSource",
    "ExpectedImage",
    "ExpectedTree",
    "ImageFinding",
    "ImageSource",
    "Kind",
    "LayerContent",
    "OpenedImage",
    "Part",
    "ReadImage",
    "ReadLayer",
    "TarEntry",
    "What",
    "compare_tree",
    "expect_config",
    "expect_image",
    "expect_tree",
    "layout_source",
    "member_entry",
    "open_image",
    "read_base",
    "sorted_findings",
    "verify_image",
]

if not TYPE_CHECKING:  # so that type checkers know these names and no others
    __getattr__ = open_on_demand(__name__, __file__)
