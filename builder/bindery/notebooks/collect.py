"""Which notebooks there are, and which of them are asked for."""

from __future__ import annotations

import copy
import difflib
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from bindery.core import BadInput, parse_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bindery.core import Json, Settings

SUFFIX = ".ipynb"


@dataclass(frozen=True, kw_only=True, slots=True)
class Notebook:
    """A notebook as committed. ``document`` is its JSON, nbformat 4, with its references."""

    name: str
    path: Path
    document: dict[str, Json]

    @property
    def cells(self) -> tuple[dict[str, Json], ...]:
        """All its cells, in order."""
        return tuple(cast("list[dict[str, Json]]", self.document["cells"]))

    @property
    def code_cells(self) -> int:
        """How many code cells it has."""
        return sum(cell["cell_type"] == "code" for cell in self.cells)


@dataclass(frozen=True, kw_only=True, slots=True)
class UnreadableNotebook:
    """A file that is called a notebook and is none; ``message`` says why."""

    name: str
    path: Path
    message: str


def collect_notebooks(settings: Settings, wanted: Sequence[str]) -> tuple[Notebook | UnreadableNotebook, ...]:
    """Return the notebooks that are wanted, by name or path, in that order; all of the project's if none is named.

    Raises:
        BadInput: there are none, one that is wanted is not there, or two have the same name.

    """
    folder = settings.notebooks_folder
    known = sorted(folder.glob(f"*{SUFFIX}"))
    paths = [_find(word, folder, known, settings.root) for word in wanted] if wanted else known
    if not paths:
        raise BadInput("there are no notebooks", str(folder), f"put some there, as <name>{SUFFIX}")
    by_name: dict[str, Path] = {}
    for path in paths:
        other = by_name.setdefault(path.stem, path)
        if other.resolve() != path.resolve():
            raise BadInput(f"two notebooks are called {path.stem}", f"{other} and {path}", "test them one by one")
    return tuple(read_notebook(path) for path in by_name.values())


def read_notebook(path: Path) -> Notebook | UnreadableNotebook:
    """Return the notebook in the file, or why there is none."""
    try:
        document = parse_json(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        fault = "is not UTF-8"
    except ValueError as error:
        fault = f"is not JSON: {error}"
    except RecursionError:
        fault = "is not a notebook: it is nested too deeply"
    except OSError as error:
        fault = f"cannot be read: {error.strerror}"
    else:
        fault = _fault(document)
        if not fault:
            return Notebook(name=path.stem, path=path, document=cast("dict[str, Json]", document))
    return UnreadableNotebook(name=path.stem, path=path, message=fault)


def _find(word: str, folder: Path, known: Sequence[Path], root: Path) -> Path:
    by_name = {path.stem: path for path in known}
    name = word.removesuffix(SUFFIX)
    if name in by_name:
        return by_name[name]
    for path in (Path(word).absolute(), root / word):
        if path.suffix == SUFFIX and path.is_file():
            return path
    near = difflib.get_close_matches(name.rpartition("/")[2], by_name, n=3, cutoff=0.5)
    names = ", ".join(near or by_name) or "none"
    raise BadInput(f"there is no notebook {word!r}", str(folder), f"did you mean {names}?" if near else f"have {names}")


def _fault(document: Json) -> str:
    # nbformat takes longer to import than all of this module's work.
    import nbformat  # noqa: PLC0415

    words = "is not a notebook of format 4"
    if not isinstance(document, dict):
        return f"{words}: it is no object"
    if document.get("nbformat") != 4:
        return f"{words}: nbformat is {document.get('nbformat')}"
    try:
        # A copy: nbformat adds what it misses, such as the ids of cells, which an older Jupyter did not write.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", nbformat.warnings.MissingIDFieldWarning)
            nbformat.validate(copy.deepcopy(document), relax_add_props=True)
    except nbformat.ValidationError as error:
        keys = ".".join(str(key) for key in error.absolute_path)
        return f"{words}: {keys}: {error.message}" if keys else f"{words}: {error.message}"
    return ""
