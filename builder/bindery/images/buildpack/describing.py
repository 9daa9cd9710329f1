"""What a finished image is compared with: its parts, described from what is written down and from nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bindery.core import BadInput
from bindery.images.buildpack.making import base_lock_path, describe_image, is_apt_on_top
from bindery.images.docker_engine.run_steps import split_run_steps
from bindery.images.layout import store_layout

if TYPE_CHECKING:
    from bindery.core import Progress, Store
    from bindery.images.buildpack.making import ImageParts, MakingOptions
    from bindery.images.buildpack.values import BuildValues


@dataclass(frozen=True, kw_only=True, slots=True)
class Described:
    """The parts of an image; ``runs``: something ran in it afterwards, and left files that nobody can foretell.

    ``as_root``: it could change files of base and runtime, too. ``resets``: it could change the settings, since it was
    anything that a Dockerfile can say.
    """

    parts: ImageParts
    runs: bool
    as_root: bool
    resets: bool


def describe_locked(values: BuildValues, options: MakingOptions, *, store: Store, progress: Progress) -> Described:
    """Return what the image would be made of, on the base that is written down.

    Raises:
        BadInput: no base is written down, or it is not there any more; or as for ``describe_image``.
        ToolFailed: a tool, the network or the disk failed.

    """
    with base_lock_path(values) as path:
        # The base of today would be another, and to write it down is not for those who only look.
        if not path.is_file():
            raise BadInput("is not there, so nobody knows which base is right", str(path), "bindery build writes it")
    still, steps = split_run_steps(values, apt_on_top=is_apt_on_top(values, options))
    layout = store_layout(store)
    parts = describe_image(still, options, layout=layout, store=store, progress=progress)
    as_root = bool(steps.apt_packages or steps.appendix)
    return Described(parts=parts, runs=as_root or bool(steps.post_build), as_root=as_root, resets=bool(steps.appendix))
