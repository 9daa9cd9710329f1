"""Lines of an ``environment.yml`` added, replaced and taken out, with everything else left as people wrote it."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from bindery.core import BadInput, WrongUse
from bindery.environments.spec.plain import parse_plain

if TYPE_CHECKING:
    from collections.abc import Iterable

NOT_ASKED = "does not ask for"
_FIX = "edit the file by hand"
_NAME = re.compile(r"(?:[^\s]*::)?(?P<name>[A-Za-z0-9_][A-Za-z0-9_.-]*)")
_PLAIN_SCALAR = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/=<>!*+|~-]*(?: [A-Za-z0-9_.=<>!*+|~-]+)*")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Item:
    """A package in the list of dependencies: its text, and where it stands in the file, quotes included."""

    text: str
    start: int
    end: int

    @property
    def name(self) -> str:
        return name_of_line(self.text)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Dependencies:
    """The packages in the list, the column of its dashes, and whether it is written ``[a, b]``."""

    items: tuple[_Item, ...]
    column: int
    is_flow: bool


def name_of_line(line: str) -> str:
    """Return the package that a line of a spec is about."""
    match = _NAME.match(line)
    return match["name"].lower() if match else ""


def edit_spec(text: str, where: str, *, add: Iterable[str] = (), remove: Iterable[str] = ()) -> str:
    """Return the file's text with these lines in it, and without those packages.

    A line about a package that is there already takes its place; a comment beside it stays.

    Raises:
        BadInput: a package to remove is not there, or the file cannot be edited.
        WrongUse: what is to be added is no line of a spec.

    """
    for name in remove:
        text = _remove(text, where, name.lower())
    for line in add:
        text = _add(text, where, line.strip())
    return text


def _remove(text: str, where: str, name: str) -> str:
    found = _read(text, where)
    item = next((one for one in found.items if one.name == name), None)
    if item is None:
        names = [one.name for one in found.items]
        near = difflib.get_close_matches(name, names, n=1)
        raise BadInput(f"{NOT_ASKED} {name}", where, f"did you mean {near[0]}?" if near else "")
    if len(found.items) == 1:
        raise BadInput(f"asks for nothing but {name}", where, "add another package first")
    if found.is_flow:
        edited = _without_flow_item(text, item, is_first=item == found.items[0])
    else:
        start, end = _line_of(text, item)
        edited = text[:start] + text[end:]
    return _checked(edited, where, [one.text for one in found.items if one != item])


def _add(text: str, where: str, line: str) -> str:
    if not name_of_line(line) or "\n" in line:
        raise WrongUse(f"{line!r} is no line of a spec", fix="write NAME, NAME=1.2 or 'NAME>=1.2,<2'")
    found = _read(text, where)
    if not found.items:
        raise BadInput("has no packages to add one to", where, _FIX)
    written = _scalar(line, is_flow=found.is_flow)
    expected = [one.text for one in found.items]
    old = next((one for one in found.items if one.name == name_of_line(line)), None)
    if old is not None:
        expected[found.items.index(old)] = line
        return _checked(text[: old.start] + written + text[old.end :], where, expected)
    last = found.items[-1]
    if found.is_flow:
        edited = f"{text[: last.end]}, {written}{text[last.end :]}"
    else:
        _, end = _line_of(text, last)
        # A last line without an end gets none either, so that taking the new one out gives the old text.
        separator, ending = ("", "\n") if text[:end].endswith("\n") else ("\n", "")
        edited = f"{text[:end]}{separator}{' ' * found.column}- {written}{ending}{text[end:]}"
    return _checked(edited, where, [*expected, line])


def _read(text: str, where: str) -> _Dependencies:
    try:
        document = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise BadInput(f"is not YAML: {' '.join(str(error).split())}", where) from error
    for key, value in document.value if isinstance(document, yaml.MappingNode) else ():
        if key.value == "dependencies" and isinstance(value, yaml.SequenceNode):
            return _Dependencies(
                items=tuple(
                    _Item(text=node.value, start=node.start_mark.index, end=node.end_mark.index)
                    for node in value.value
                    if isinstance(node, yaml.ScalarNode)
                ),
                column=value.start_mark.column,
                is_flow=bool(value.flow_style),
            )
    raise BadInput("dependencies is not a list of packages", where)


def _checked(edited: str, where: str, expected: list[str]) -> str:
    """Return the text, once it was read again: YAML has more ways to write a list than are foreseen here."""
    try:
        is_as_expected = [one.text for one in _read(edited, where).items] == expected
    except BadInput:
        is_as_expected = False
    if not is_as_expected:
        raise BadInput("is written in a way that cannot be edited safely", where, _FIX)
    return edited


def _line_of(text: str, item: _Item) -> tuple[int, int]:
    """Return where the item's line starts and ends, its end of line included."""
    start = text.rfind("\n", 0, item.start) + 1
    end = text.find("\n", item.end)
    if end >= 0:
        return start, end + 1
    return (start - 1 if start else 0), len(text)


def _without_flow_item(text: str, item: _Item, *, is_first: bool) -> str:
    if is_first:
        comma = text.index(",", item.end)
        rest = text[comma + 1 :]
        return text[: item.start] + rest[len(rest) - len(rest.lstrip(" ")) :]
    return text[: text.rindex(",", 0, item.start)] + text[item.end :]


def _scalar(line: str, *, is_flow: bool) -> str:
    is_plain = parse_plain(line, "main") is not None or _PLAIN_SCALAR.fullmatch(line) is not None
    if is_plain and not (is_flow and "," in line) and ": " not in line:
        return line
    return "'" + line.replace("'", "''") + "'"
