"""What an image would be made of → what a finished one is compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bindery.images.annotations import BINDERY_COMPRESSOR, BINDERY_VERSION
from bindery.images.assemble import plan_config
from bindery.images.manifest import encode_config, parse_config
from bindery.images.verify.expected import ExpectedImage, Part
from bindery.images.verify.proof import read_base

if TYPE_CHECKING:
    from bindery.core import Progress
    from bindery.images.buildpack.describing import Described

# Which version of Bindery made it is not in the lock, and the same files may come from another.
OPEN_ANNOTATIONS = frozenset({BINDERY_VERSION, BINDERY_COMPRESSOR})
RUNTIME, REPOSITORY = "runtime", "repository"


def expect_image(described: Described, *, progress: Progress) -> ExpectedImage:
    """Return what an image of these parts must be.

    Where something ran in it afterwards, the repository is not known, and there may be more files beside the
    environment; where root ran it, files of base and runtime may have changed, and only the base's layers are known.

    Raises:
        BadInput: the base is damaged, or a file of the repository cannot be read.

    """
    parts = described.parts
    config = parse_config(encode_config(plan_config(parts.recipe)), "the configuration to be")
    annotations = {name: value for name, value in parts.recipe.annotations.items() if name not in OPEN_ANNOTATIONS}
    return ExpectedImage(
        linked=parts.linked,
        base=read_base(parts.base, progress=progress),
        below=(Part(name=RUNTIME, members=parts.runtime),),
        above=() if described.runs else (Part(name=REPOSITORY, members=parts.repository),),
        config=None if described.resets else config,
        annotations=None if described.runs else annotations,
        open_annotations=OPEN_ANNOTATIONS,
        is_complete=not described.runs,
        is_base_open=described.as_root,
        are_labels_open=described.runs,
    )
