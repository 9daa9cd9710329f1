"""Tables in HTML: compared cell by cell, so that the reader is told the row and the column."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from bs4 import Tag

from bindery.notebooks.compare.masks import mask
from bindery.notebooks.compare.text import compare_text

if TYPE_CHECKING:
    from collections.abc import Iterable

_MAX_SPAN = 1000  # columns; a table that claims more lies


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A table: the names of its columns, and its rows (header rows first, ``header_rows`` of them)."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    header_rows: int


def parse_table(table: Tag) -> Table:
    """Return the table's cells; it must hold no other table."""
    rows = [row for row in table.find_all("tr") if isinstance(row, Tag)]
    header_rows = 0
    for row in rows:
        cells = _cells(row)
        if row.find_parent("thead") is None and not (cells and all(cell.name == "th" for cell in cells)):
            break
        header_rows += 1
    names = _column_names(_spread(row) for row in rows[:header_rows])
    texts = _sort_tokens([tuple(_text(cell) for cell in _cells(row)) for row in rows])
    return Table(columns=names, rows=tuple(texts), header_rows=header_rows)


def _sort_tokens(rows: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Return the rows with neighbouring names of tasks in the order of the alphabet.

    Dask keeps what a layer depends on as a set, and shows it in whatever order the set has in this process.
    """
    found = [row[-1] if _is_task(row) else None for row in rows]
    result = list(rows)
    for is_task, group in groupby(range(len(rows)), key=lambda place: found[place] is not None):
        places = list(group)
        if is_task:
            names = sorted((str(found[place]) for place in places), key=mask)
            for place, name in zip(places, names, strict=True):
                result[place] = (*rows[place][:-1], name)
    return result


def _is_task(row: tuple[str, ...]) -> bool:
    return bool(row) and row[-1] != mask(row[-1]) and mask(row[-1]).endswith("-<task-key>")


def compare_tables(reference: Table, actual: Table, where: str) -> list[str]:
    """Return what differs between the tables; ``where`` names them for the reader, empty if there is only one."""
    title = where or "the table"
    prefix = f"{where}, " if where else ""
    if len(reference.rows) != len(actual.rows):
        return [f"{title} has {_body(actual)} rows instead of {_body(reference)}{_first_change(reference, actual)}"]
    reasons: list[str] = []
    for number, (row, other) in enumerate(zip(reference.rows, actual.rows, strict=True)):
        place = prefix + _row_name(reference, number)
        if len(row) != len(other):
            reasons.append(f"{place} has {len(other)} cells instead of {len(row)}")
            continue
        for column, (cell, new) in enumerate(zip(row, other, strict=True)):
            reasons += compare_text(cell, new, place + _column_name(reference, row, column))
    if reasons and sorted(reference.rows) == sorted(actual.rows):
        reasons.insert(0, f"the rows of {title} are in another order")
    return reasons


def _body(table: Table) -> int:
    return len(table.rows) - table.header_rows


def _first_change(reference: Table, actual: Table) -> str:
    for number, (row, other) in enumerate(zip(reference.rows, actual.rows, strict=False)):
        if row != other:
            return f"; from {_row_name(reference, number)} on they differ"
    return ""


def _row_name(table: Table, number: int) -> str:
    if number < table.header_rows:
        return "the header" if table.header_rows == 1 else f"header row {number + 1}"
    return f"row {number - table.header_rows + 1}"


def _column_name(table: Table, row: tuple[str, ...], column: int) -> str:
    # Rows under a cell that spans several rows lack their first cells, so names are counted from the right.
    place = column - len(row) + len(table.columns)
    name = table.columns[place] if 0 <= place < len(table.columns) else ""
    return f", column {name!r}" if name else f", column {column + 1}"


def _column_names(rows: Iterable[list[str]]) -> tuple[str, ...]:
    headers = list(rows)
    width = max((len(header) for header in headers), default=0)
    padded = [[""] * (width - len(header)) + header for header in headers]
    return tuple("/".join(dict.fromkeys(part for part in column if part)) for column in zip(*padded, strict=True))


def _cells(row: Tag) -> list[Tag]:
    return [cell for cell in row.find_all(["td", "th"]) if isinstance(cell, Tag)]


def _spread(row: Tag) -> list[str]:
    spread = []
    for cell in _cells(row):
        span = str(cell.get("colspan", "1"))
        spread += [_text(cell)] * (min(int(span), _MAX_SPAN) if span.isdigit() else 1)
    return spread


def _text(cell: Tag) -> str:
    return cell.get_text(" ", strip=True)
