"""What a cell writes to stderr: warnings by category and text, the rest as text.

A warning names the file and the line that gave it, which move with every release of a package while the warning stays
the same; and Python shows it once or more often, depending on what ran before. So warnings are compared as a set of
(category, text). A warning that appeared or went is a difference: it is how packages announce that results will change.
"""

from __future__ import annotations

import re

from bindery.notebooks.compare.difference import Difference, join_reasons, shorten
from bindery.notebooks.compare.text import compare_text

_WARNING = re.compile(
    r"^(?:<[^>\n]+>|[^\n:]*):\d+: (?P<category>\w*Warning): (?P<message>[^\n]*)(?:\n  [^\n]*)?\n?", re.MULTILINE
)
# Sentences with which Dask remarks that the machine is slow or full right now.
_LOAD = re.compile(
    r"^.*(?:full garbage collections took \d+% CPU time recently"
    r"|gc\.collect\(\) took [\d.]+s"
    r"|Event loop was unresponsive in \w+ for [\d.]+\s?\w+"
    r"|Unmanaged memory use is high).*\n?",
    re.MULTILINE,
)

_Warning = tuple[str, str]


def compare_stderr(reference: str, actual: str) -> Difference | None:
    """Return what differs: warnings that came or went, then the other lines."""
    first, other_first = _split(reference)
    second, other_second = _split(actual)
    reasons = [f"the warning is gone: {shorten(': '.join(one))}" for one in first if not _is_among(one, second)]
    reasons += [f"a new warning: {shorten(': '.join(one))}" for one in second if not _is_among(one, first)]
    return join_reasons(reasons + compare_text(other_first, other_second))


def _split(text: str) -> tuple[list[_Warning], str]:
    text = _LOAD.sub("", text)
    found = dict.fromkeys((match["category"], match["message"]) for match in _WARNING.finditer(text))
    return list(found), _WARNING.sub("", text)


def _is_among(one: _Warning, others: list[_Warning]) -> bool:
    return any(one[0] == other[0] and not compare_text(one[1], other[1]) for other in others)
