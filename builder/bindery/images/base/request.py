"""What ``--base`` says: a suite of Debian, an image of a registry, or an artifact that was kept."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bindery.core import WrongUse
from bindery.images.target import LayoutTarget, RegistryTarget, parse_target

_DEBIAN = "debian:"
_SUITE = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_FORMS = "debian:SUITE, docker://HOST/NAME[:TAG|@DIGEST] or oci:FOLDER[:NAME]"


@dataclass(frozen=True, kw_only=True, slots=True)
class DebianRequest:
    """A base to be made of a suite's packages."""

    suite: str

    def __str__(self) -> str:
        """Return what a person would write."""
        return f"{_DEBIAN}{self.suite}"


BaseRequest = DebianRequest | RegistryTarget | LayoutTarget


def parse_base_request(text: str) -> BaseRequest:
    """Return which base the text asks for.

    Raises:
        WrongUse: it asks for none.

    """
    if text.startswith(_DEBIAN):
        suite = text.removeprefix(_DEBIAN)
        if not _SUITE.fullmatch(suite):
            raise WrongUse(f"{suite!r} is not the name of a suite", text, "write debian:bookworm")
        return DebianRequest(suite=suite)
    target = parse_target(text) if ":" in text else None
    if not isinstance(target, (RegistryTarget, LayoutTarget)):
        raise WrongUse("is not a base", text or "''", f"use one of {_FORMS}")
    return target
