"""A fork's table in ``bindery.toml``: the one place that says what it is a fork of, and what it leaves out."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

from bindery.core import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_OURS = re.compile(r"\s*(?:fork_of|without)\s*=")


def with_fork(text: str, where: str, name: str, *, fork_of: str, without: Sequence[str]) -> str:
    """Return the text of ``bindery.toml`` with this fork in it; everything else is as people wrote it.

    Raises:
        BadInput: the file is not TOML, or is written in a way that cannot be edited.

    """
    key = name if _BARE.fullmatch(name) else f'"{name}"'
    header = f"[environments.{key}]"
    names = f"[{', '.join(_quoted(each) for each in without)}]"
    ours = [f"fork_of = {_quoted(fork_of)}", *([f"without = {names}"] if without else [])]
    expected = _read(text, where)
    tables = expected.setdefault("environments", {})
    table: dict[str, object] = {"fork_of": fork_of, **({"without": list(without)} if without else {})}
    lines = text.splitlines()
    if isinstance(tables, dict) and isinstance(old := tables.get(name, {}), dict):
        tables[name] = {
            **{other: value for other, value in old.items() if other not in {"fork_of", "without"}},
            **table,
        }
    if header in (line.split("#")[0].strip() for line in lines):
        start = next(index for index, line in enumerate(lines) if line.split("#")[0].strip() == header) + 1
        end = next((index for index in range(start, len(lines)) if lines[index].lstrip().startswith("[")), len(lines))
        kept = [line for line in lines[start:end] if not _OURS.match(line)]
        lines = [*lines[:start], *ours, *kept, *lines[end:]]
    else:
        lines += [*([""] if lines and lines[-1].strip() else []), header, *ours]
    edited = "\n".join(lines) + "\n"
    try:
        is_right = tomllib.loads(edited) == expected
    except tomllib.TOMLDecodeError:
        is_right = False
    if not is_right:
        fix = f"write it by hand: {header} {' '.join(ours)}"
        raise BadInput("is written in a way that cannot be edited safely", where, fix)
    return edited


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _read(text: str, where: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"is not TOML: {error}", where) from error
