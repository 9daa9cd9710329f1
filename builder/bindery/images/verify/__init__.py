"""An image, file by file, against what it must be."""

from typing import TYPE_CHECKING

from bindery.core.front_door import open_on_demand

if TYPE_CHECKING:
    from bindery.images.verify.described import expect_image
    from bindery.images.verify.expected import BaseContent, ExpectedImage, Part
    from bindery.images.verify.findings import ImageFinding
    from bindery.images.verify.opening import OpenedImage, open_image
    from bindery.images.verify.proof import read_base, verify_image
    from bindery.images.verify.source import BlobSource, ImageSource, ReadImage, ReadLayer, layout_source

__all__ = [
    "BaseContent",
    "BlobSource",
    "ExpectedImage",
    "ImageFinding",
    "ImageSource",
    "OpenedImage",
    "Part",
    "ReadImage",
    "ReadLayer",
    "expect_image",
    "layout_source",
    "open_image",
    "read_base",
    "verify_image",
]

if not TYPE_CHECKING:  # so that type checkers know these names and no others
    __getattr__ = open_on_demand(__name__, __file__)
