"""The scripts that ``noarch: python`` packages do not carry, but have made for them.

Source: conda's documentation, "Noarch packages"; the text is the one that conda and rattler write.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bindery.core import BadInput
from bindery.prefixes.replacement import python_shebang

_FORM = re.compile(r"([^\s=]+)\s*=\s*([^\s:]+)\s*:\s*(\S+)")
_SCRIPT = """\
{shebang}
# -*- coding: utf-8 -*-
import re
import sys

from {module} import {name}

if __name__ == '__main__':
\tsys.argv[0] = re.sub(r'(-script\\.pyw?|\\.exe)?$', '', sys.argv[0])
\tsys.exit({function}())
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class EntryPoint:
    """``command = module:function``."""

    command: str
    module: str
    function: str


def parse_entry_point(text: str, where: str) -> EntryPoint:
    """Return what ``command = module:function`` says.

    Raises:
        BadInput: it is not of that form.

    """
    match = _FORM.fullmatch(text.strip())
    if match is None or "/" in match[1]:
        raise BadInput(f"the entry point {text!r} is not of the form command = module:function", where)
    return EntryPoint(command=match[1], module=match[2], function=match[3])


def encode_script(entry: EntryPoint, interpreter: str, platform: str) -> bytes:
    """Return the script that calls the function."""
    return _SCRIPT.format(
        shebang=python_shebang(interpreter, platform),
        module=entry.module,
        name=entry.function.partition(".")[0],
        function=entry.function,
    ).encode()
