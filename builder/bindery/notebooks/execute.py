"""A notebook, executed once: what every cell gave, and how it ended."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from bindery.core import encode_json, write_file
from bindery.notebooks.results import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bindery.core import Json
    from bindery.notebooks.collect import Notebook
    from bindery.notebooks.session import Session

INJECTED = "injected-parameters"


@dataclass(frozen=True, kw_only=True, slots=True)
class RaisedError:
    """The exception that ended a notebook: its type's name, its words, and IPython's traceback without colours."""

    name: str
    value: str
    traceback: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Execution:
    """What became of a notebook on its kernel; nothing is compared yet.

    ``document`` has the cells of the committed notebook, with the outputs that they gave now. ``stopped_at`` is the
    index of the cell that did not come to its end, None where all did. Cells' metadata have papermill's notes.
    """

    outcome: Outcome
    message: str
    error: RaisedError | None
    stopped_at: int | None
    document: dict[str, Json]
    duration_s: float


def execute_notebook(notebook: Notebook, session: Session, folder: Path, parameters: Mapping[str, Json]) -> Execution:
    """Return what the notebook gave; papermill executes it, once, with the parameters put after its parameter cell.

    ``folder`` holds the copy that papermill reads.
    """
    # papermill takes a second to import, and only this function needs it.
    from papermill.exceptions import PapermillExecutionError  # type: ignore[import-untyped]  # noqa: PLC0415
    from papermill.execute import execute_notebook as papermill  # type: ignore[import-untyped]  # noqa: PLC0415

    source = folder / "notebook.ipynb"
    write_file(source, encode_json(_without_outputs(notebook.document)))
    begin_s = time.monotonic()
    with contextlib.suppress(PapermillExecutionError):  # which cell raised what is in the cells
        papermill(
            str(source).replace("{", "{{").replace("}", "}}"),  # papermill formats paths
            None,
            parameters=dict(parameters),
            engine_name="bindery",
            kernel_name="python3",
            language="python",
            request_save_on_cell_execute=False,
            progress_bar=False,
            session=session,
        )
    duration_s = time.monotonic() - begin_s
    executed = cast("dict[str, Json]", session.executed or notebook.document)
    return _read_execution(executed, session, duration_s)


def clean_document(executed: dict[str, Json]) -> dict[str, Json]:
    """Return the document as a person would have saved it, without papermill's notes and paths of this run."""
    kept = []
    for cell in cast("list[dict[str, Json]]", executed["cells"]):
        metadata = cast("dict[str, Json]", cell["metadata"])
        dropped = {"papermill", "execution"} | ({"tags"} if not metadata.get("tags") else set())
        kept.append({**cell, "metadata": {key: value for key, value in metadata.items() if key not in dropped}})
    metadata = cast("dict[str, Json]", executed["metadata"])
    return {
        **executed,
        "cells": cast("Json", kept),
        "metadata": {key: value for key, value in metadata.items() if key != "papermill"},
    }


def _without_outputs(document: dict[str, Json]) -> dict[str, Json]:
    cells = cast("list[dict[str, Json]]", document["cells"])
    bare = [{**cell, "outputs": [], "execution_count": None} if cell["cell_type"] == "code" else cell for cell in cells]
    metadata = {
        key: value for key, value in cast("dict[str, Json]", document["metadata"]).items() if key != "papermill"
    }
    return {**document, "cells": cast("Json", bare), "metadata": metadata}


def _read_execution(executed: dict[str, Json], session: Session, duration_s: float) -> Execution:
    cells = [cell for cell in cast("list[dict[str, Json]]", executed["cells"]) if not _has_tag(cell, INJECTED)]
    injected = [cell for cell in cast("list[dict[str, Json]]", executed["cells"]) if _has_tag(cell, INJECTED)]
    stopped_at = next((index for index, cell in enumerate(cells) if _trace(cell).get("exception")), None)
    error = None if stopped_at is None else _find_error(cells[stopped_at])
    outcome, message = session.ending.outcome, session.ending.message
    if outcome is Outcome.PASSED:
        broken = next((cell for cell in injected if _trace(cell).get("exception")), None)
        if broken is not None:
            error, stopped_at = _find_error(broken), 0
        if error is not None:
            outcome, message = Outcome.RAISED, f"{error.name}: {error.value}"
    else:
        stopped_at = _last_begun(cells)
    return Execution(
        outcome=outcome,
        message=message,
        error=error,
        stopped_at=stopped_at,
        document={**executed, "cells": cast("Json", cells)},
        duration_s=duration_s,
    )


def _trace(cell: dict[str, Json]) -> dict[str, Json]:
    metadata = cast("dict[str, Json]", cell["metadata"])
    return cast("dict[str, Json]", metadata.get("papermill") or {})


def _has_tag(cell: dict[str, Json], tag: str) -> bool:
    return tag in cast("list[Json]", cast("dict[str, Json]", cell["metadata"]).get("tags") or [])


def _last_begun(cells: list[dict[str, Json]]) -> int | None:
    begun = [index for index, cell in enumerate(cells) if _trace(cell).get("start_time")]
    return begun[-1] if begun else None


def _find_error(cell: dict[str, Json]) -> RaisedError:
    for output in cast("list[dict[str, Json]]", cell.get("outputs") or []):
        if output.get("output_type") == "error":
            lines = cast("list[str]", output.get("traceback") or [])
            return RaisedError(
                name=str(output.get("ename")), value=str(output.get("evalue")), traceback="\n".join(lines)
            )
    return RaisedError(name="an error", value="without an output", traceback="")
