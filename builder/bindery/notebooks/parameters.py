"""The parameters that notebooks have: the names that their cell tagged ``parameters`` assigns."""

from __future__ import annotations

import ast
import difflib
from typing import TYPE_CHECKING, cast

from bindery.core import BadInput
from bindery.notebooks.imports import strip_magics

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bindery.core import Json
    from bindery.notebooks.collect import Notebook

TAG = "parameters"


def find_parameters(notebook: Notebook) -> frozenset[str]:
    """Return the names of the notebook's parameters; none where it has no such cell."""
    for cell in notebook.cells:
        tags = cast("dict[str, Json]", cell["metadata"]).get("tags") or []
        if cell["cell_type"] == "code" and TAG in cast("list[Json]", tags):
            source = cell["source"]
            text = "".join(cast("list[str]", source)) if isinstance(source, list) else str(source)
            return _assigned(strip_magics(text))
    return frozenset()


def parameters_of(notebook: Notebook, given: Mapping[str, Json]) -> dict[str, Json]:
    """Return those of the given parameters that the notebook has."""
    known = find_parameters(notebook)
    return {name: value for name, value in given.items() if name in known}


def refuse_unknown(notebooks: Sequence[Notebook], given: Mapping[str, Json]) -> None:
    """Return if each parameter is one of some notebook; papermill would set any name, and a typo would change nothing.

    Raises:
        BadInput: no notebook has it.

    """
    known = frozenset[str]().union(*(find_parameters(notebook) for notebook in notebooks))
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3)
            said = ", ".join(near or sorted(known)) or "none"
            raise BadInput(
                f"no notebook has a parameter {name!r}", fix=f"did you mean {said}?" if near else f"have {said}"
            )


def _assigned(source: str) -> frozenset[str]:
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return frozenset()
    targets: list[ast.expr] = []
    for node in tree.body:
        if isinstance(node, ast.Assign):
            targets += node.targets
        elif isinstance(node, ast.AnnAssign):
            targets.append(node.target)
    return frozenset(node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name))
