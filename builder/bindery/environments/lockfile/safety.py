"""What may stand in a lock: names and URLs of which paths, commands and lines on a terminal are made."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import unquote

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")
_VERSION = re.compile(r"[A-Za-z0-9_.!+~-]+")
# No spaces, quotes, brackets, backslashes; a name for a secret that conda-lock left out; & only where a query has it.
_URL = re.compile(
    r"[a-z][a-z0-9+.-]*://"
    r"(?P<path>(?:[A-Za-z0-9._~:/@!+,=%\[\]-]|\$[A-Za-z_]\w*|\$\{[A-Za-z_]\w*\})+)"
    r"(?:\?[A-Za-z0-9._~:/@!+,=%&-]*)?"
    r"(?:#[A-Za-z0-9._~:/@!+,=%&-]*)?",
    re.ASCII,
)


@lru_cache(maxsize=1 << 15)
def is_safe_name(text: str) -> bool:
    """Answer whether the text can name a package, a platform or a category, and be part of a path as it is."""
    return _NAME.fullmatch(text) is not None


@lru_cache(maxsize=1 << 15)
def is_safe_version(text: str) -> bool:
    """Answer whether the text can be a version or a build."""
    return _VERSION.fullmatch(text) is not None and text not in {".", ".."}


@lru_cache(maxsize=1 << 15)
def is_safe_dependency(pair: tuple[str, str]) -> bool:
    """Answer whether a name and a range can be a dependency; few of a lock's many are different."""
    return is_safe_name(pair[0]) and pair[1].isprintable()


def is_safe_url(text: str) -> bool:
    """Answer whether the text is a URL that leads where it seems to lead, also when its ``%2e`` are decoded."""
    match = _URL.fullmatch(text)
    if match is None:
        return False
    path = match["path"]
    if "/." not in path and "%" not in path:
        return True
    for written in path.split("/"):
        part = unquote(written)
        if part in {".", ".."} or "/" in part or "\\" in part or not part.isprintable():
            return False
    return True
