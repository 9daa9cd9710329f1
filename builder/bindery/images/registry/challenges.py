"""What a server asks for when it answers 401.

Source: RFC 9110, 11.6.1 (it replaces RFC 7235) and RFC 6750, 3.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - a token of a grammar
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_PARAMETER = re.compile(rf"\s*({_TOKEN})\s*=\s*({_QUOTED}|{_TOKEN})\s*(?:,|$)")
_SCHEME = re.compile(rf"[\s,]*({_TOKEN})(?:\s+|\s*,|$)")
_TOKEN68 = re.compile(r"\s*[A-Za-z0-9._~+/-]+=*\s*(?:,|$)")
_ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Challenge:
    """One way to authenticate: ``scheme`` and the names of parameters are in lower case."""

    scheme: str
    parameters: Mapping[str, str]


def parse_challenges(values: Iterable[str]) -> tuple[Challenge, ...]:
    """Return the challenges of all ``WWW-Authenticate`` headers, in order; what cannot be read ends its header."""
    return tuple(challenge for value in values for challenge in _parse(value))


def _parse(value: str) -> list[Challenge]:
    found = []
    position = 0
    while scheme := _SCHEME.match(value, position):
        position = scheme.end()
        parameters: dict[str, str] = {}
        while parameter := _PARAMETER.match(value, position):
            parameters[parameter[1].lower()] = _unquoted(parameter[2])
            position = parameter.end()
        if not parameters and not scheme[0].rstrip().endswith(","):
            token = _TOKEN68.match(value, position)
            position = token.end() if token else position
        found.append(Challenge(scheme=scheme[1].lower(), parameters=parameters))
    return found


def _unquoted(text: str) -> str:
    return _ESCAPED.sub(r"\1", text[1:-1]) if text.startswith('"') else text
