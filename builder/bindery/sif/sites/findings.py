"""What a check of a site has found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class SiteFinding:
    """One thing that was checked. ``fix`` is empty if it holds; ``what`` says what was found."""

    name: str
    what: str
    fix: str = ""

    @property
    def holds(self) -> bool:
        """Return whether it is as it must be."""
        return not self.fix
