"""What an OSV record says.

Source: https://ossf.github.io/osv-schema/ (version 1.7).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Ecosystem = Literal["pypi", "conda"]
Order = Literal["ecosystem", "semver"]
EventKind = Literal["introduced", "fixed", "last_affected", "limit"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """Where a range begins or ends; ``introduced`` in ``0`` is before every version."""

    kind: EventKind
    version: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AffectedRange:
    """Events along the versions of a package, and what orders them."""

    order: Order
    events: tuple[Event, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """A package that an advisory is about: the versions in a range, and those that are named."""

    ecosystem: Ecosystem
    name: str
    ranges: tuple[AffectedRange, ...]
    versions: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Advisory:
    """One record: its id, its ids elsewhere (``CVE-…``), one line about it, and the packages of PyPI and conda."""

    id: str
    aliases: tuple[str, ...]
    summary: str
    subjects: tuple[Subject, ...]
