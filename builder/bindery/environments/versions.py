"""Which of two versions is newer, as conda orders them.

Source: https://docs.conda.io/projects/conda/en/stable/user-guide/concepts/pkg-specs.html (version ordering).
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import zip_longest
from typing import TypeAlias

_VERSION = re.compile(r"(?:(?P<epoch>[0-9]+)!)?(?P<main>[0-9a-z_.*]+)(?:\+(?P<local>[0-9a-z_.]+))?")
_PIECE = re.compile(r"[0-9]+|[^0-9]+")
_ZERO = (1, 0, "")
_Piece: TypeAlias = tuple[int, int, str]  # rank, number, word
_Part: TypeAlias = tuple[tuple[_Piece, ...], ...]
_PADDING: tuple[_Piece, ...] = (_ZERO,)


def compare_versions(one: str, other: str) -> int | None:
    """Return -1, 0 or 1 as the first is older than the second, the same, or newer; None if one is no version."""
    if one == other:
        return 0
    mine, theirs = _parse(one), _parse(other)
    if mine is None or theirs is None:
        return None
    for my_part, their_part in zip(mine, theirs, strict=True):
        for my_pieces, their_pieces in zip_longest(my_part, their_part, fillvalue=_PADDING):
            for my_piece, their_piece in zip_longest(my_pieces, their_pieces, fillvalue=_ZERO):
                if my_piece != their_piece:
                    return -1 if my_piece < their_piece else 1
    return 0


@lru_cache(maxsize=1 << 10)  # one version is compared with many, and then not again
def _parse(version: str) -> tuple[_Part, _Part, _Part] | None:
    """Return epoch, version and local version."""
    text = version.strip().lower()
    # A hyphen is an underscore, but not where underscores stand as well.
    match = _VERSION.fullmatch(text if "_" in text else text.replace("-", "_"))
    if match is None:
        return None
    return _part(match["epoch"] or "0"), _part(match["main"]), _part(match["local"] or "")


def _part(text: str) -> _Part:
    if not text:
        return ()
    # An underscore at the end belongs to the last piece: openssl's 1.0.1_ is older than 1.0.1a.
    trailing = "_" if text.endswith("_") else ""
    components = text.removesuffix("_").replace("_", ".").split(".")
    components[-1] += trailing
    return tuple(_pieces(component) for component in components)


def _pieces(component: str) -> tuple[_Piece, ...]:
    pieces = tuple(_piece(text) for text in _PIECE.findall(component))
    # Letters alone stand behind a zero, so that 1.a1 and 1.0a1 are the same.
    return pieces if component[:1].isdigit() else (_ZERO, *pieces)


def _piece(text: str) -> _Piece:
    if text.isdigit():
        return (1, int(text), "")
    # dev is older than every word, words are older than numbers, and post is newer than all.
    return {"dev": (-1, 0, ""), "post": (2, 0, "")}.get(text, (0, 0, text))
