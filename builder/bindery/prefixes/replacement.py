"""What becomes of a package's placeholder when it is installed: the same bytes that conda and rattler write.

Source: conda's documentation, "Making packages relocatable"; Linux, execve(2), for the limit of a first line.
"""

from __future__ import annotations

import re

from bindery.core import BadInput

SHEBANG_BYTES = {"linux": 127, "osx": 512}
_SHEBANG = re.compile(r"#![ ]*(/(?:\\ |[^ \n\r\t])*)(.*)", re.DOTALL)
_PYTHON = re.compile(r"python(?:\d+(?:\.\d+)?)?")


def replace_text(data: bytes, placeholder: str, prefix: str, platform: str) -> bytes:
    """Return the text with the prefix for the placeholder; a first line too long for the kernel is rewritten."""
    first = b""
    if data.startswith(b"#!"):
        end = data.find(b"\n")
        line = data if end < 0 else data[:end]
        first, data = _replace_shebang(line.decode(errors="replace"), placeholder, prefix, platform), data[len(line) :]
    return first + data.replace(placeholder.encode(), prefix.encode())


def replace_binary(data: bytes, placeholder: str, prefix: str, where: str) -> bytes:
    """Return the bytes, as many as before: strings shrink, and the NUL bytes behind them grow.

    Raises:
        BadInput: the prefix is longer than the placeholder.

    """
    old, new = placeholder.encode(), prefix.encode()
    if len(new) > len(old):
        raise BadInput(
            f"has room for a prefix of {len(old)} bytes, and {prefix} has {len(new)}",
            where,
            "set BINDERY_STORE to a folder with a shorter name",
        )
    pieces, position = [], 0
    while (start := data.find(old, position)) >= 0:
        end = data.find(b"\0", start)
        end = len(data) if end < 0 else end
        string = data[start:end]
        replaced = string.replace(old, new)
        pieces += [data[position:start], replaced, bytes(len(string) - len(replaced))]
        position = end
    return b"".join([*pieces, data[position:]])


def python_shebang(interpreter: str, platform: str) -> str:
    """Return the first line (or two) of a script that this interpreter runs."""
    line = f"#!{interpreter}"
    return line if _fits(line, platform) and " " not in line else _through_shell(interpreter, "")


def _replace_shebang(line: str, placeholder: str, prefix: str, platform: str) -> bytes:
    if " " in prefix:
        return (_indirect(line).replace(placeholder, prefix) if placeholder in line else line).encode()
    replaced = line.replace(placeholder, prefix)
    return (replaced if _fits(replaced, platform) else _indirect(replaced)).encode()


def _fits(line: str, platform: str) -> bool:
    return len(line.encode()) <= SHEBANG_BYTES.get(platform.partition("-")[0], SHEBANG_BYTES["linux"])


def _indirect(line: str) -> str:
    match = _SHEBANG.fullmatch(line)
    if match is None:
        return line
    path, rest = match[1], match[2]
    name = path.rpartition("/")[2]
    return _through_shell(path, rest) if _PYTHON.fullmatch(name) else f"#!/usr/bin/env {name}{rest}"


def _through_shell(interpreter: str, rest: str) -> str:
    # A shell reads "start this interpreter"; Python reads a string.
    return f"#!/bin/sh\n'''exec' \"{interpreter}\"{rest} \"$0\" \"$@\" #'''"
