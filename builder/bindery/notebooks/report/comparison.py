"""One mismatch, as it is shown: reference and now beside each other."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

from bindery.notebooks.report.tables import Table, mark_tables, parse_html
from bindery.notebooks.report.textdiff import TextDiff, diff_texts

if TYPE_CHECKING:
    from bindery.notebooks.report.pictures import Picture, PictureShelf
    from bindery.notebooks.results import Mismatch

_WORDS = {
    "text/plain": "text",
    "text/html": "HTML",
    "image/png": "image",
    "image/jpeg": "image",
    "image/svg+xml": "image",
    "stdout": "printed",
    "stderr": "printed to stderr",
    "error": "error",
    "outputs": "outputs",
    "execution_count": "execution count",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class PictureTriple:
    """Two images and where they differ; None where there is none or it cannot be shown."""

    reference: Picture | None
    actual: Picture | None
    difference: Picture | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """What differs and why; at most one of ``text``, ``tables`` and ``pictures`` holds it."""

    part: str
    reason: str
    text: TextDiff | None = None
    tables: tuple[tuple[Table, Table], ...] = ()
    pictures: PictureTriple | None = None
    only: str = ""  # "reference" or "now" where the other side has nothing
    note: str = ""


def compare_sides(mismatch: Mismatch, shelf: PictureShelf) -> Comparison:
    """Return the mismatch as it is shown."""
    part = _WORDS.get(mismatch.part, mismatch.part)
    if mismatch.reference is None and mismatch.actual is None:
        return Comparison(part=part, reason=mismatch.reason)
    only = "now" if mismatch.reference is None else "reference" if mismatch.actual is None else ""
    if mismatch.part.startswith("image/"):
        pictures = PictureTriple(
            reference=_take(mismatch.part, mismatch.reference, shelf),
            actual=_take(mismatch.part, mismatch.actual, shelf),
            difference=_take("image/png", mismatch.picture, shelf),
        )
        notes = {one.note for one in (pictures.reference, pictures.actual) if one is not None and one.note}
        note = "; ".join(sorted(notes))
        return Comparison(part=part, reason=mismatch.reason, pictures=pictures, only=only, note=note)
    reference, actual = mismatch.reference or "", mismatch.actual or ""
    if mismatch.part == "text/html":
        ours, theirs = parse_html(reference), parse_html(actual)
        if ours.mostly_tables or theirs.mostly_tables:
            empty = Table(rows=())
            pairs = zip_longest(ours.tables, theirs.tables, fillvalue=empty)
            tables = tuple(mark_tables(one, other) for one, other in pairs)
            return Comparison(part="table", reason=mismatch.reason, tables=tables, only=only, note=theirs.note)
        reference, actual = ours.text, theirs.text
    diff = diff_texts(reference, actual)
    return Comparison(part=part, reason=mismatch.reason, text=diff, only=only, note=diff.note)


def _take(mime: str, data: str | None, shelf: PictureShelf) -> Picture | None:
    return shelf.take(mime, data) if data else None
