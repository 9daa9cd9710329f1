"""HTML: compared as what it shows (tables, words, links, drawings, pictures, scripts), not as markup.

Not compared: names of elements and classes, inline styles, and style sheets (how a package likes its tables to look),
but for the style sheet that pandas' Styler writes, where colours are values. What Dask shows of a client or a cluster
describes the machine and is replaced as a whole.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from bs4 import BeautifulSoup, Tag

from bindery.core import parse_json
from bindery.notebooks.compare.difference import Difference, join_reasons
from bindery.notebooks.compare.images import compare_images
from bindery.notebooks.compare.svg import compare_drawings
from bindery.notebooks.compare.tables import Table, compare_tables, parse_table
from bindery.notebooks.compare.text import compare_text
from bindery.notebooks.compare.trees import compare_json

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_DASK_TITLE = re.compile(r"^(?:Client|Cluster Info|Scheduler Info|\w*Cluster)$")
_DASK_NAME = re.compile(rf"^(?:\S+-{_UUID}|[0-9a-f]{{8}})$")
_STYLER = re.compile(r"#T_\w+?(?=_)")
_DATA_IMAGE = re.compile(r"^data:image/(?:png|jpeg|gif|webp);base64,(.*)$", re.DOTALL)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Page:
    words: str
    tables: tuple[Table, ...]
    drawings: tuple[Tag, ...]
    pictures: tuple[str, ...]
    links: tuple[str, ...]
    scripts: tuple[str, ...]
    styles: tuple[str, ...]


def compare_html(reference: str, actual: str) -> Difference | None:
    """Return what differs in what the reader sees, with the row and the column in tables."""
    if reference == actual:
        return None
    first, second = _parse(reference), _parse(actual)
    reasons, picture = _compare_pictures(first, second)
    many = len(first.tables) > 1
    if _same_number("table", first.tables, second.tables, reasons):
        for number, (table, other) in enumerate(zip(first.tables, second.tables, strict=True), start=1):
            reasons += compare_tables(table, other, f"table {number}" if many else "")
    reasons += compare_text(first.words, second.words)
    if _same_number("drawing", first.drawings, second.drawings, reasons):
        for number, (drawing, drawn) in enumerate(zip(first.drawings, second.drawings, strict=True), start=1):
            reasons += compare_drawings(drawing, drawn, f"drawing {number}")
    for kind, ours, theirs in (
        ("link", first.links, second.links),
        ("style sheet", first.styles, second.styles),
        ("script", first.scripts, second.scripts),
    ):
        if _same_number(kind, ours, theirs, reasons):
            for number, (text, new) in enumerate(zip(ours, theirs, strict=True), start=1):
                reasons += _compare_code(text, new, f"{kind} {number}")
    joined = join_reasons(reasons)
    return joined and Difference(reason=joined.reason, picture=picture)


def _compare_pictures(first: _Page, second: _Page) -> tuple[list[str], str | None]:
    reasons: list[str] = []
    marked = None
    if _same_number("picture", first.pictures, second.pictures, reasons):
        for number, (source, new) in enumerate(zip(first.pictures, second.pictures, strict=True), start=1):
            data, new_data = _DATA_IMAGE.match(source), _DATA_IMAGE.match(new)
            if data is None or new_data is None:
                reasons += compare_text(source, new, f"picture {number}")
                continue
            difference = compare_images(data[1], new_data[1])
            if difference is not None:
                reasons.append(f"picture {number}: {difference.reason}")
                marked = marked or difference.picture
    return reasons, marked


def _compare_code(reference: str, actual: str, where: str) -> list[str]:
    try:
        tree, other = parse_json(reference), parse_json(actual)
    except json.JSONDecodeError:
        return compare_text(reference, actual, where)
    difference = compare_json(tree, other)
    return [] if difference is None else [f"{where}: {difference.reason}"]


def _same_number(kind: str, first: tuple[object, ...], second: tuple[object, ...], reasons: list[str]) -> bool:
    if len(first) == len(second):
        return True
    number = f"{len(second)} {kind}" if len(second) == 1 else f"{len(second)} {kind}s"
    reasons.append(f"there are {number} instead of {len(first)}")
    return False


def _parse(text: str) -> _Page:
    soup = BeautifulSoup(text, "html.parser")
    _fold_clients(soup)
    drawings = [tag for tag in soup.find_all("svg") if tag.find_parent("svg") is None]
    taken: dict[str, list[Tag]] = {name: list(soup.find_all(name)) for name in ("script", "style", "img")}
    for bar in soup.find_all("progress"):
        bar.replace_with(f"progress {bar.get('value', '')} of {bar.get('max', '')}")
    links = tuple(str(tag["href"]) for tag in soup.find_all("a") if tag.get("href"))
    for tag in (*drawings, *taken["script"], *taken["style"], *taken["img"]):
        tag.extract()
    tables = _take_tables(soup)
    styles = (style.get_text() for style in taken["style"])
    return _Page(
        words=soup.get_text("\n", strip=True),
        tables=tables,
        drawings=tuple(drawings),
        pictures=tuple(str(tag.get("src", "")) for tag in taken["img"]),
        links=links,
        scripts=tuple(script.get_text().strip() for script in taken["script"]),
        styles=tuple(_STYLER.sub("#T", style) for style in styles if _STYLER.search(style)),
    )


def _take_tables(soup: BeautifulSoup) -> tuple[Table, ...]:
    """Return the tables in the order in which they begin, each without those inside it, taken out of the page."""
    tags = list(soup.find_all("table"))
    parsed: dict[int, Table] = {}
    for number, tag in reversed(list(enumerate(tags))):  # inner tables begin after the outer ones
        parsed[number] = parse_table(tag)
        tag.replace_with(f" table {number + 1} ")
    return tuple(parsed[number] for number in sorted(parsed))


def _fold_clients(soup: BeautifulSoup) -> None:
    for title in soup.find_all("h3"):
        name = title.find_next_sibling("p")
        if not isinstance(name, Tag) or title.parent is None:
            continue
        if _DASK_TITLE.match(title.get_text(strip=True)) and _DASK_NAME.match(name.get_text(strip=True)):
            title.parent.string = "<dask-client>"
