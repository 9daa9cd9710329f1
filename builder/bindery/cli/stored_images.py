"""Images that are on this machine, as commands name them: in the store, or in an OCI layout."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from bindery.core import BadInput, WrongUse, default_store

if TYPE_CHECKING:
    from bindery.images import Descriptor, Layout

FORMS = "NAME[:TAG], sha256:DIGITS or oci:FOLDER[:TAG]"


def find_stored(text: str) -> tuple[Layout, Descriptor]:
    """Return the layout that the image is in, and its manifest or index.

    Raises:
        WrongUse: the text names something that is not an image on this machine.
        BadInput: there is no such image.

    """
    from bindery.images import LayoutTarget, StoreTarget, open_layout, parse_target, store_layout  # noqa: PLC0415

    target = parse_target(text)
    match target:
        case StoreTarget():
            layout = store_layout(default_store(os.environ))
            return layout, layout.resolve(target.key)
        case LayoutTarget():
            layout = open_layout(target.folder)
            return layout, layout.resolve(target.reference) if target.reference else _only_one(layout)
        case _:
            raise WrongUse("is not an image on this machine", text, f"use {FORMS}")


def _only_one(layout: Layout) -> Descriptor:
    names = layout.names()
    if len({one.digest for one in names.values()}) != 1:
        fix = f"use {' or '.join(f'oci:{layout.root}:{name}' for name in list(names)[:3])}" if names else ""
        raise BadInput(f"has {len(names)} images with names", f"oci:{layout.root}", fix)
    return next(iter(names.values()))
