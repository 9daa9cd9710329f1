"""HTML that a notebook printed, as tables and text: rebuilt from its words, so that none of its markup is left."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import zip_longest

from bs4 import BeautifulSoup, Tag

from bindery.notebooks.report.ansi import clean_text
from bindery.notebooks.report.textdiff import mark_of

HTML_LIMIT = 200_000
ROWS_SHOWN = 60
COLUMNS_SHOWN = 24
CELL_LENGTH = 200
# A table with more words around it than this is part of something richer (an xarray dataset, a Dask client).
WORDS_AROUND = 200
_UNSEEN = ("script", "style", "template", "noscript", "svg", "head", "title", "iframe", "object", "textarea", "select")


@dataclass(frozen=True, kw_only=True, slots=True)
class TableCell:
    """One field: its words, whether it is a heading, how many columns it takes, and how it is marked."""

    text: str
    heading: bool
    span: int = 1
    mark: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Rows of fields, top to bottom, and what was left out."""

    rows: tuple[tuple[TableCell, ...], ...]
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ParsedHtml:
    """The tables that hold no other table, and all words, line by line."""

    tables: tuple[Table, ...]
    text: str
    mostly_tables: bool
    note: str = ""


def parse_html(markup: str) -> ParsedHtml:
    """Return what a person would read in the HTML."""
    # Beautiful Soup warns of text that looks like a file's name or an address, and stumbles over half a surrogate pair.
    whole = f"<div>{markup[:HTML_LIMIT].encode('utf-8', 'replace').decode()}"
    soup = BeautifulSoup(whole, "html.parser")
    for unseen in soup(_UNSEEN):
        unseen.extract()
    text = clean_text("\n".join(soup.stripped_strings))
    leaves = [tag for tag in soup("table") if isinstance(tag, Tag) and tag.find("table") is None]
    inside = sum(len(leaf.get_text()) for leaf in leaves)
    around = len(soup.get_text()) - inside
    tables = tuple(table for table in map(_parse_table, leaves) if table.rows)
    notes = [table.note for table in tables if table.note]
    if len(markup) > HTML_LIMIT:
        notes.append(f"only the first {HTML_LIMIT:,} of {len(markup):,} characters of HTML were read")
    mostly_tables = bool(tables) and around <= WORDS_AROUND
    return ParsedHtml(tables=tables, text=text, mostly_tables=mostly_tables, note="; ".join(notes))


def _parse_table(table: Tag) -> Table:
    found = [tag for tag in table("tr") if isinstance(tag, Tag)]
    rows = tuple(_parse_row(row) for row in found[:ROWS_SHOWN])
    widest = max((sum(cell.span for cell in row) for row in rows), default=0)
    notes = []
    if len(found) > ROWS_SHOWN:
        notes.append(f"only the first {ROWS_SHOWN} of {len(found):,} rows are shown")
    if widest > COLUMNS_SHOWN:
        notes.append(f"only the first {COLUMNS_SHOWN} columns are shown")
    return Table(rows=tuple(row[:COLUMNS_SHOWN] for row in rows if row), note=", ".join(notes))


def _parse_row(row: Tag) -> tuple[TableCell, ...]:
    fields = [tag for tag in row(["td", "th"]) if isinstance(tag, Tag)]
    return tuple(
        TableCell(
            text=_shorten(clean_text(field.get_text(" ", strip=True))),
            heading=field.name == "th",
            span=_span(str(field.get("colspan", "1"))),
        )
        for field in fields[: COLUMNS_SHOWN + 1]
    )


def _shorten(text: str) -> str:
    return text if len(text) <= CELL_LENGTH else f"{text[:CELL_LENGTH]}…"


def _span(text: str) -> int:
    # isdecimal also knows other scripts' digits, which int() reads, too.
    return min(max(int(text), 1), COLUMNS_SHOWN) if text.isdecimal() and len(text) < 4 else 1


def mark_tables(reference: Table, actual: Table) -> tuple[Table, Table]:
    """Return both tables with the fields marked that are not the same in both, by row and place."""
    left: list[tuple[TableCell, ...]] = []
    right: list[tuple[TableCell, ...]] = []
    for ours, theirs in zip_longest(reference.rows, actual.rows, fillvalue=()):
        pairs = [
            ("" if one is None else one.text, "" if other is None else other.text, one is None or other is None)
            for one, other in zip_longest(ours, theirs)
        ]
        marks = ["changed" if alone else mark_of(one, other) for one, other, alone in pairs]
        left.append(tuple(replace(cell, mark=mark) for cell, mark in zip(ours, marks, strict=False)))
        right.append(tuple(replace(cell, mark=mark) for cell, mark in zip(theirs, marks, strict=False)))
    return (
        replace(reference, rows=tuple(row for row in left if row)),
        replace(actual, rows=tuple(row for row in right if row)),
    )
