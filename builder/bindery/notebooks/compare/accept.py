"""A new reference: the outputs of a run, put into the notebook that a person wrote."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bindery.core import BadInput, CheckFailed, disk_errors, parse_json, write_file
from bindery.notebooks.compare.cells import code_cells, is_papermills, pair_cells
from bindery.notebooks.compare.notebook import compare_notebook
from bindery.notebooks.compare.scrub import scrub_outputs
from bindery.notebooks.results import Outcome

if TYPE_CHECKING:
    from pathlib import Path

    from nbformat import NotebookNode

    from bindery.core import Json
    from bindery.notebooks.compare.cells import Cell
    from bindery.notebooks.results import CellResult

_FIRST_MINOR_WITH_IDS = 5
# What programs note about a run, in the metadata of a notebook or a cell.
_RUN_NOTES = ("papermill", "execution", "widgets", "ExecuteTime")


@dataclass(frozen=True, kw_only=True, slots=True)
class AcceptedChange:
    """What became the reference of one cell. ``index`` counts all cells of the notebook from 0."""

    index: int
    source: str
    sentence: str


def accept_notebook(path: Path, executed: NotebookNode) -> tuple[AcceptedChange, ...]:
    """Return what changed, once the notebook at the path has the executed one's outputs as its reference.

    Text, ids, tags and metadata stay as the author wrote them. A cell whose new outputs agree with its reference keeps
    the reference byte for byte, so that a history shows real changes only. Without any change nothing is written but
    what tidies the file; the same run gives the same bytes.

    Raises:
        BadInput: there is no notebook at the path.
        CheckFailed: the run did not reach its end, or was not of this notebook; the old reference is still there.
        ToolFailed: the disk is full or cannot be written; the old reference is still there.

    """
    document, reference = _read(path)
    results = compare_notebook(reference, executed)
    for result in results:
        _refuse(result, path)
    partners = {
        ours.index: theirs
        for ours, theirs in pair_cells(code_cells(reference), code_cells(executed))
        if ours is not None and theirs is not None
    }
    new = _with_outputs(document, {result.index: result for result in results}, partners)
    data = _encode(new, path)
    changes = tuple(change for result in results if (change := _describe(result)) is not None)
    with disk_errors(path):
        if data != path.read_bytes():
            write_file(path, data, path.stat().st_mode & 0o777)
    return changes


def _read(path: Path) -> tuple[dict[str, Json], NotebookNode]:
    """Return the notebook as JSON and as nbformat's node, after checking that it is one."""
    try:
        document = parse_json(path.read_bytes())
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", str(path)) from error
    except ValueError as error:
        raise BadInput(f"is not JSON: {error}", str(path)) from error
    if not isinstance(document, dict) or document.get("nbformat") != 4 or not isinstance(document.get("cells"), list):
        raise BadInput("is not a notebook of format 4", str(path), "open it in JupyterLab and save it")
    _fill_ids(document)
    wrong = _why_invalid(document)
    if wrong is not None:
        raise BadInput(f"is not a notebook: {wrong}", str(path))
    return document, _as_node(document)


def _fill_ids(document: dict[str, Json]) -> None:
    """Give cells that lack the id which format 4.5 asks for one that follows from their place."""
    cells, minor = document.get("cells"), document.get("nbformat_minor")
    if not isinstance(cells, list) or not isinstance(minor, int) or minor < _FIRST_MINOR_WITH_IDS:
        return
    for index, cell in enumerate(cells):
        if isinstance(cell, dict):
            cell.setdefault("id", f"cell-{index}")


def _as_node(document: dict[str, Json]) -> NotebookNode:
    import nbformat  # noqa: PLC0415 - imports jsonschema, which only accepting needs

    node: NotebookNode = nbformat.from_dict(document)  # type: ignore[no-untyped-call]
    return node


def _why_invalid(document: dict[str, Json]) -> str | None:
    import nbformat  # noqa: PLC0415 - as above

    try:
        nbformat.validate(_as_node(document))
    except nbformat.ValidationError as error:
        return str(error).splitlines()[0]
    return None


def _refuse(result: CellResult, path: Path) -> None:
    where, cell = str(path), f"cell {result.index + 1}"
    if result.outcome is Outcome.RAISED:
        raise CheckFailed(
            f"{cell} raised {result.message}",
            where,
            "mend the cell, or tag it raises-exception if it is meant to raise",
        )
    if result.outcome is Outcome.NOT_RUN:
        raise CheckFailed(f"{cell} was not executed, so the run has no result to accept", where, "run it to its end")
    for mismatch in result.mismatches:
        if mismatch.part == "source" or (mismatch.part == "outputs" and mismatch.reason.startswith("the cell ")):
            raise CheckFailed(f"{cell}: {mismatch.reason}", where, "execute the notebook as it is now")


def _with_outputs(
    document: dict[str, Json], results: dict[int, CellResult], partners: dict[int, Cell]
) -> dict[str, Json]:
    entries = document.get("cells")
    listed = entries if isinstance(entries, list) else []
    kept = [entry for entry in listed if isinstance(entry, dict) and not is_papermills(entry)]
    count = 0
    cells: list[Json] = []
    for index, entry in enumerate(kept):
        cell = {**entry, "metadata": _tidy(entry.get("metadata"))}
        if cell.get("cell_type") == "code":
            partner = partners[index]
            if not _keeps_reference(results[index], entry):
                cell["outputs"] = list(scrub_outputs(partner))
            ran = not partner.is_blank and partner.execution_count is not None
            count += ran
            _number(cell, count if ran else None)
        cells.append(cell)
    return {**document, "cells": cells, "metadata": _tidy(document.get("metadata"))}


def _keeps_reference(result: CellResult, entry: dict[str, Json]) -> bool:
    if result.outcome is not Outcome.PASSED:
        return not any(
            mismatch.part != "execution_count" or mismatch.reference is None for mismatch in result.mismatches
        )
    # Outputs that nobody compares change with every run; the first ones serve the reader as well as the last.
    return result.compared or (bool(entry.get("outputs")) and entry.get("execution_count") is not None)


def _number(cell: dict[str, Json], count: int | None) -> None:
    """Count from 1 in the order of the cells, as in a run without papermill's own cells."""
    cell["execution_count"] = count
    outputs = cell.get("outputs")
    for output in outputs if isinstance(outputs, list) else []:
        if isinstance(output, dict) and output.get("output_type") == "execute_result":
            output["execution_count"] = count


def _tidy(metadata: Json) -> dict[str, Json]:
    if not isinstance(metadata, dict):
        return {}
    return {key: value for key, value in metadata.items() if key not in _RUN_NOTES}


def _encode(document: dict[str, Json], path: Path) -> bytes:
    import nbformat  # noqa: PLC0415 - as above

    wrong = _why_invalid(document)
    if wrong is not None:
        raise CheckFailed(f"the run's outputs do not make a notebook: {wrong}", str(path))
    text: str = nbformat.writes(_as_node(document))  # type: ignore[no-untyped-call]
    return (text.rstrip("\n") + "\n").encode()


def _describe(result: CellResult) -> AcceptedChange | None:
    if result.outcome is Outcome.PASSED:
        return None
    if result.mismatches[0].part == "execution_count" and result.mismatches[0].reference is None:
        sentence = f"has a reference for the first time ({_count(len(result.outputs))})"
    else:
        sentence = result.message
    return AcceptedChange(index=result.index, source=result.source, sentence=sentence)


def _count(outputs: int) -> str:
    return "1 output" if outputs == 1 else f"{outputs or 'no'} outputs"
