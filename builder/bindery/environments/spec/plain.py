"""Lines of the plainest kind, ``name``, ``name=1.2``, ``name>=1.2,<3``, read as conda-lock reads them.

conda-lock's parser takes two seconds to import. Nearly every line that people write is one of these, and a test
holds this module and conda-lock together; any other line is conda-lock's.
"""

from __future__ import annotations

import re

from bindery.environments.spec.values import Requirement

_VERSION = r"[0-9][0-9A-Za-z]*(?:[._][0-9A-Za-z]+)*"
_LINE = re.compile(
    rf"(?P<name>[A-Za-z_][A-Za-z0-9_.-]*)"
    rf"(?:(?P<equals>==?)(?P<version>{_VERSION})|(?P<range>(?:>=|<=|!=|>|<){_VERSION}(?:,(?:>=|<=|!=|>|<){_VERSION})*))?"
)


def parse_plain(line: str, category: str) -> Requirement | None:
    """Return what the line asks for; None if it is not of the plainest kind."""
    match = _LINE.fullmatch(line)
    if match is None or match["name"].endswith((".", "-")):
        return None
    version = match["version"] or match["range"] or ""
    if match["equals"] == "=":
        version += ".*"
    return Requirement(name=match["name"].lower(), category=category, version=version)
