"""How YAML 1.1 writes a short text in block style, for texts that need no thought.

Source: https://yaml.org/spec/1.1/ (7.1-7.2, and the type repository), as PyYAML implements it.
"""

from __future__ import annotations

import re
from functools import lru_cache

from yaml.resolver import Resolver

# No spaces, so that neither folding nor "# comment" nor ": " can happen; no quotes, backslashes or brackets.
_EASY = re.compile(
    r"[A-Za-z0-9_./<>=!*|^~(@%&,+$][A-Za-z0-9_./<>=!*|^~()@%&,+$;-]*(?::[A-Za-z0-9_./<>=!*|^~(@%&,+$;-]+)*"
)
_INDICATORS = frozenset("!*|>@%&,")
_MAX_LENGTH = 120  # longer keys are written as "? key", in another form


@lru_cache(maxsize=1 << 16)
def is_plain(text: str) -> bool:
    """Answer whether YAML reads the text, written as it is, as this text."""
    if _EASY.fullmatch(text) is None or text[0] in _INDICATORS or text.startswith("..."):
        return False
    resolvers: list[tuple[str, re.Pattern[str]]] = Resolver.yaml_implicit_resolvers.get(text[0], [])
    return not any(pattern.match(text) for _, pattern in resolvers)


@lru_cache(maxsize=1 << 16)
def encode_scalar(text: str, *, is_key: bool = False) -> str | None:
    """Return how PyYAML writes the text; None if that takes more thought than this."""
    if is_key and len(text) > _MAX_LENGTH:
        return None
    if is_plain(text):
        return text
    if text == "" or (_EASY.fullmatch(text) and not text.startswith("...")):
        return f"'{text}'"
    return None


@lru_cache(maxsize=1 << 16)
def decode_scalar(written: str) -> str | None:
    """Return the text that was written on the rest of a line; None if that takes more thought than this."""
    if is_plain(written):
        return written
    if len(written) > 1 and written[0] == written[-1] == "'":
        inner = written[1:-1]
        if "'" not in inner:
            return inner if inner.isascii() and inner.isprintable() else None
    return None
