"""A spec as it will be with a text that is not written yet."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bindery.core import BadInput, write_file
from bindery.environments.environment import SPEC_NAME
from bindery.environments.spec import read_spec
from bindery.environments.virtual_packages import read_virtual_packages

if TYPE_CHECKING:
    from bindery.environments.environment import Environment
    from bindery.environments.spec import Spec


def read_draft(environment: Environment, text: str | None) -> Spec:
    """Return the spec as it will be with this text of its own, None for none; it and its errors name the true files.

    Raises:
        BadInput: the spec, or one below it, cannot be read.

    """
    with tempfile.TemporaryDirectory(prefix="bindery-spec-") as name:
        folder = Path(name) / environment.folder.name
        draft = folder / SPEC_NAME
        if text is not None:
            write_file(draft, text)
        try:
            spec = read_spec(replace(environment, folder=folder))
        except BadInput as error:
            true = str(environment.spec_path)
            texts = (part.replace(str(draft), true) for part in (error.what, error.where, error.fix))
            raise BadInput(*texts) from error
    below = (layer.spec_path for layer in environment.layers[:-1] if layer.spec_path.is_file())
    own = (environment.spec_path,) if text is not None else ()
    return replace(spec, sources=(*below, *own), virtual=read_virtual_packages(environment))
