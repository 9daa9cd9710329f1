"""What a cell printed, as values that can be shown: text, tables, pictures, tracebacks. Nothing of it is markup.

HTML of notebooks is never shown as HTML. It is read into tables and words, and the page is made from those, so that
there is nothing to sanitise and no frame to seal; a page without frames also prints, and is read aloud, as one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bindery.notebooks.report.ansi import Run, clean_text, parse_ansi
from bindery.notebooks.report.pictures import Picture, PictureShelf, make_thumbnail
from bindery.notebooks.report.tables import Table, parse_html

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bindery.core import Json

TEXT_LIMIT = 12_000
LINES_SHOWN = 120
OUTPUTS_SHOWN = 40
_IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml")
_WIDGET = "application/vnd.jupyter.widget-view+json"


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownOutput:
    """One output. ``label`` says in words what it is; ``note`` what was left out of it."""

    label: str
    text: tuple[Run, ...] = ()
    tables: tuple[Table, ...] = ()
    picture: Picture | None = None
    thumbnail: Picture | None = None
    is_error: bool = False
    note: str = ""


def show_outputs(
    outputs: Iterable[Mapping[str, Json]], shelf: PictureShelf, *, thumbnails: bool
) -> tuple[ShownOutput, ...]:
    """Return nbformat 4 outputs as they are shown, in order."""
    everything = list(outputs)
    shown = [_show(one, shelf, thumbnails=thumbnails) for one in everything[:OUTPUTS_SHOWN]]
    if len(everything) > OUTPUTS_SHOWN:
        shown.append(ShownOutput(label="outputs", note=f"{len(everything) - OUTPUTS_SHOWN:,} more are not shown"))
    return tuple(shown)


def joined(value: Json) -> str:
    """Return text that nbformat keeps as a string or as a list of lines; empty for anything else."""
    if isinstance(value, list):
        return "".join(part for part in value if isinstance(part, str))
    return value if isinstance(value, str) else ""


def traceback_of(output: Mapping[str, Json]) -> str:
    """Return the traceback of an error output, or its name and value if there is none."""
    lines = output.get("traceback")
    if isinstance(lines, list) and lines:
        return "\n".join(line for line in lines if isinstance(line, str))
    return f"{joined(output.get('ename'))}: {joined(output.get('evalue'))}"


def _show(output: Mapping[str, Json], shelf: PictureShelf, *, thumbnails: bool) -> ShownOutput:
    kind = output.get("output_type")
    if kind == "stream":
        return _text(joined(output.get("name")) or "stream", joined(output.get("text")))
    if kind == "error":
        shown = _text("traceback", traceback_of(output), tail=True)
        return ShownOutput(label=shown.label, text=shown.text, note=shown.note, is_error=True)
    data = output.get("data")
    return _rich(data, shelf, thumbnails=thumbnails) if isinstance(data, dict) else _text("output", "")


def _rich(data: Mapping[str, Json], shelf: PictureShelf, *, thumbnails: bool) -> ShownOutput:
    plain = joined(data.get("text/plain"))
    for mime in _IMAGES:
        content = joined(data.get(mime))
        picture = shelf.take(mime, content) if content else None
        if picture is not None:
            small = make_thumbnail(mime, content) if thumbnails else None
            return ShownOutput(label="picture", picture=picture, thumbnail=small, note=picture.note)
    markup = joined(data.get("text/html"))
    if markup:
        parsed = parse_html(markup)
        if parsed.mostly_tables:
            return ShownOutput(label="table", tables=parsed.tables, note=parsed.note)
        plain = plain or parsed.text
    shown = _text("text", plain or joined(data.get("text/markdown")) or joined(data.get("text/latex")))
    if shown.text or not data:
        return shown
    note = "a widget, which lives only in a notebook" if _WIDGET in data else f"not shown: {', '.join(sorted(data))}"
    return ShownOutput(label="output", note=clean_text(note)[:200])


def _text(label: str, text: str, *, tail: bool = False) -> ShownOutput:
    total = text.count("\n") + 1
    lines = text.rstrip("\n").split("\n")
    kept = lines[-LINES_SHOWN:] if tail else lines[:LINES_SHOWN]
    short = "\n".join(kept)
    note = f"{LINES_SHOWN} of {total:,} lines are shown" if len(lines) > LINES_SHOWN else ""
    if len(short) > TEXT_LIMIT:
        short = short[-TEXT_LIMIT:] if tail else short[:TEXT_LIMIT]
        note = f"{TEXT_LIMIT:,} of {len(text):,} characters are shown"
    return ShownOutput(label=label, text=parse_ansi(short), note=note)
