"""What is said between Bindery and the process that links packages; see ``bindery.prefixes.link``."""

from __future__ import annotations

from dataclasses import dataclass

DONE, LINKED, FAILED = "done", "linked ", "failed "


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkOrder:
    """What to link: texts by the names of a record's fields, into ``target``, as if it were ``prefix``."""

    packages: list[dict[str, str]]
    target: str
    prefix: str
    cache: str
