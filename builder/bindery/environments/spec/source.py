"""One ``environment.yml``, looked at before anybody interprets its lines."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bindery.core import BadInput
from bindery.environments.documents import parse_document
from bindery.environments.fields import Fields

if TYPE_CHECKING:
    from pathlib import Path

_FOR_SHELLS = frozenset(";`$&\\")
_NAME = re.compile(r"(?:[^\s]*::)?(?P<name>[A-Za-z0-9_][A-Za-z0-9_.-]*)")
_SELECTOR = re.compile(r"#[^\n]*\[")
LIMIT_MIB = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """A spec file; ``lines`` are its conda dependencies, and ``is_plain`` says that there is nothing else in it."""

    path: Path
    channels: tuple[str, ...]
    platforms: tuple[str, ...]
    lines: tuple[str, ...]
    category: str
    is_plain: bool

    @property
    def names(self) -> frozenset[str]:
        """The packages that the lines are about."""
        return frozenset(match["name"].lower() for line in self.lines if (match := _NAME.match(line)))


def read_source(path: Path) -> Source:
    """Return what the file says.

    Raises:
        BadInput: it is not there, not YAML, or one of the keys that conda-lock reads is of another type.

    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise BadInput("there is no such spec", str(path)) from error
    except UnicodeDecodeError as error:
        raise BadInput("is not text in UTF-8", str(path)) from error
    fields = Fields.of_document(parse_document(text, str(path), limit_mib=LIMIT_MIB), str(path), "")
    lines, only_lines = _dependencies(fields)
    return Source(
        path=path,
        channels=tuple(name for name in _texts(fields, "channels") if name != "nodefaults"),
        platforms=_texts(fields, "platforms"),
        lines=lines,
        category=fields.text("category") if fields.has("category") else "main",
        is_plain=only_lines and not fields.has("pip-repositories") and not _SELECTOR.search(text),
    )


def _texts(fields: Fields, key: str) -> tuple[str, ...]:
    return fields.texts(key) if fields.has(key) else ()


def _dependencies(fields: Fields) -> tuple[tuple[str, ...], bool]:
    found = fields.raw("dependencies")
    if not isinstance(found, list) or not found:
        raise fields.error("dependencies is not a list of packages")
    lines = tuple(line for line in found if isinstance(line, str))
    for index, line in enumerate(found):
        if isinstance(line, str):
            if not line.isprintable() or line.startswith(("-", ".")) or ".." in line or _FOR_SHELLS & set(line):
                raise fields.error(f"dependencies[{index}] {line!r} is no package")
            continue
        if not isinstance(line, dict) or set(line) != {"pip"}:
            raise fields.error(f"dependencies[{index}] is neither a package nor a pip section")
        inner = Fields(line, fields.where, f"dependencies[{index}].", "")
        if inner.has("pip"):
            for place, requirement in enumerate(inner.texts("pip")):
                # Behind a semicolon a requirement says where it holds; in front of all, an option for the installer.
                if not requirement.isprintable() or (requirement.startswith("-") and not requirement.startswith("-e ")):
                    raise inner.error(f"pip[{place}] {requirement!r} is no package")
    return lines, len(lines) == len(found)
