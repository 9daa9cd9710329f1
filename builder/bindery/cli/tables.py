"""Tables on stdout: drawn on a terminal, one line of words between tabs in a pipe, or in Markdown."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]], bold: Collection[int] = ()) -> None:
    """Print the rows; the headings, and some rows in bold, only where people read them."""
    if not sys.stdout.isatty():
        click.echo("".join("\t".join(row) + "\n" for row in rows), nl=False)
        return
    # rich takes longer to import than most commands take to run.
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(*headings, box=None, header_style="bold", pad_edge=False)
    for index, row in enumerate(rows):
        table.add_row(*(Text(cell) for cell in row), style="bold" if index in bold else None)
    Console().print(table)


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[str]], bold: Collection[int] = ()) -> str:
    """Return the table in Markdown, as GitHub and most other readers of it know it; ends with a newline."""
    lines = [_markdown_row(headings), _markdown_row(["---"] * len(headings))]
    for index, row in enumerate(rows):
        cells = [_escaped(cell) for cell in row]
        lines.append(_markdown_row([f"**{cells[0]}**", *cells[1:]] if index in bold else cells))
    return "".join(lines)


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def _escaped(text: str) -> str:
    # A name such as _libgcc_mutex is no emphasis, and a bar in a cell ends it.
    return "".join(f"\\{letter}" if letter in "\\`*_|<[" else letter for letter in text)
