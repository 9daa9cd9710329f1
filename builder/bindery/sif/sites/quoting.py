"""One text, written into the files of five languages so that each of them reads that text again."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

_VARIABLE = re.compile(r"\$(?:\{[A-Za-z_][A-Za-z0-9_]*\}|[A-Za-z_][A-Za-z0-9_]*)")
_SAFE = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")
_LUA = {"\\": "\\\\", '"': '\\"'}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_TCL = re.compile(r'[\\"$\[\]{}]')


def quote_shell(text: str) -> str:
    """Return a word of a shell's command line that is the text."""
    return shlex.quote(text)


def quote_expanding(text: str) -> str:
    """Return a word of a shell's command line that is the text, with ``$NAME`` and ``${NAME}`` replaced there.

    A ``$`` that is followed by anything else stands for itself.
    """
    if _SAFE.fullmatch(text):
        return text
    parts, end = [], 0
    for found in _VARIABLE.finditer(text):
        parts += [_in_quotes(text[end : found.start()]), found[0]]
        end = found.end()
    return '"' + "".join(parts) + _in_quotes(text[end:]) + '"'


def variable_names(text: str) -> tuple[str, ...]:
    """Return the names of the variables that would be replaced in the text, each once, in their order."""
    return tuple(dict.fromkeys(found.strip("${}") for found in _VARIABLE.findall(text)))


def quote_tcl(text: str) -> str:
    """Return a word of Tcl that is the text, also inside of braces."""
    # Tcl reads and writes in the encoding of whoever calls it. What is written as it is comes out as it was
    # in any of them; a \\u would not.
    escaped = _TCL.sub(lambda found: f"\\{found[0]}", text)
    return '"' + _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", escaped) + '"'


def quote_lua(text: str) -> str:
    """Return a string literal of Lua that is the text; Lua's strings are bytes, and these are UTF-8."""
    return '"' + "".join(_LUA.get(one, one if one.isprintable() else _lua_escape(one)) for one in text) + '"'


def quote_yaml(text: str) -> str:
    """Return a scalar of YAML, on one line, that is the text and nothing else: no number, no truth, no date."""
    dumped: str = yaml.safe_dump(text, default_style='"', width=float("inf"), allow_unicode=True)
    return dumped.rstrip("\n")


def quote_comment(text: str) -> str:
    """Return the text as JSON in ASCII, which is one line whatever is in it, and so can stand in any comment."""
    return json.dumps(text)


def _in_quotes(text: str) -> str:
    return re.sub(r'([\\"`$])', r"\\\1", text)


def _lua_escape(one: str) -> str:
    return "".join(f"\\{byte:03d}" for byte in one.encode())


def expand_variables(text: str, environ: Mapping[str, str]) -> str:
    """Return the text with ``$NAME`` and ``${NAME}`` replaced here, and not later by a shell."""
    return _VARIABLE.sub(lambda found: environ.get(found[0].strip("${}"), ""), text)
