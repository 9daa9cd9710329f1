"""Drawings: the same elements in the same order, their attributes and words compared as text.

Names of elements (``id``) are made at random by some libraries; they are replaced by the order in which they appear,
so that what refers to what is still compared. ``<metadata>`` says when and by which program the drawing was made.

Source: SVG 1.1, chapters 5 (document structure) and 21 (metadata).
"""

from __future__ import annotations

import re

from bs4 import BeautifulSoup, Tag

from bindery.notebooks.compare.difference import Difference, join_reasons
from bindery.notebooks.compare.text import compare_text

_REFERENCE = re.compile(r"#([^\s)\"']+)")
_Element = tuple[str, dict[str, str]]


def compare_svg(reference: str, actual: str) -> Difference | None:
    """Return what differs between two SVG documents."""
    if reference == actual:
        return None
    # Beautiful Soup warns that what begins like XML is not HTML; what comes before the root element draws nothing.
    first, second = (BeautifulSoup(text[max(text.find("<svg"), 0) :], "html.parser") for text in (reference, actual))
    return join_reasons(compare_drawings(first, second, "the drawing"))


def compare_drawings(reference: Tag, actual: Tag, where: str) -> list[str]:
    """Return what differs between two ``<svg>`` elements; ``where`` names them for the reader."""
    first, second = _elements(reference), _elements(actual)
    names, other_names = [name for name, _ in first], [name for name, _ in second]
    if names != other_names:
        reasons = [
            f"{where} has {other_names.count(name)} <{name}> instead of {names.count(name)}"
            for name in dict.fromkeys(names + other_names)
            if names.count(name) != other_names.count(name)
        ]
        return reasons or [f"the elements of {where} are in another order"]
    reasons = []
    for number, ((name, attributes), (_, others)) in enumerate(zip(first, second, strict=True), start=1):
        for key in sorted(attributes.keys() | others.keys()):
            place = f"{where}, element {number} <{name}>, {key}"
            reasons += compare_text(attributes.get(key, ""), others.get(key, ""), place)
    return reasons


def _elements(root: Tag) -> list[_Element]:
    tags = [tag for tag in root.find_all() if not _is_metadata(tag)]
    ids = {str(tag["id"]): f"element_{number}" for number, tag in enumerate(tags) if tag.get("id")}
    return [(tag.name, _attributes(tag, ids)) for tag in tags]


def _is_metadata(tag: Tag) -> bool:
    return tag.name == "metadata" or tag.find_parent("metadata") is not None


def _attributes(tag: Tag, ids: dict[str, str]) -> dict[str, str]:
    found = {}
    for key, value in tag.attrs.items():
        text = " ".join(value) if isinstance(value, list) else str(value)
        # Ids that scripts and labels refer to say nothing; only which element refers to which does.
        found[key] = ids.get(text, text) if key == "id" else _REFERENCE.sub(lambda m: "#" + ids.get(m[1], m[1]), text)
    words = " ".join(str(child).strip() for child in tag.find_all(string=True, recursive=False)).strip()
    if words and tag.name not in {"style", "script"}:
        found["text"] = words
    return found
