"""Which packages a spec asks for by name: enough of ``environment.yml`` to put those first."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

import yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from bindery.environments.lockfile import LockedPackage

ReadText: TypeAlias = "Callable[[str], str | None]"
"""From a source's name, as the lock has it, to its text; None if it is not there."""

_NAME = re.compile(r"\s*(?:[^\s:]+::)?(?P<name>[A-Za-z0-9_][A-Za-z0-9_.-]*)")
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def find_direct(sources: Iterable[str], read: ReadText) -> frozenset[str]:
    """Return the names that the sources ask for, on any platform; none if a source is not there or is no spec."""
    names: set[str] = set()
    for source in sources:
        text = read(source)
        if text is None:
            return frozenset()
        names.update(_asked_names(text))
    return frozenset(names)


def find_roots(packages: Iterable[LockedPackage]) -> frozenset[str]:
    """Return the names of packages that no other package needs."""
    names: set[str] = set()
    needed: set[str] = set()
    for package in packages:
        names.add(package.name)
        needed.update(name for name, _ in package.dependencies if name != package.name)
    return frozenset(names - needed)


def _asked_names(text: str) -> Iterator[str]:
    try:
        document: object = yaml.load(text, Loader=_Loader)  # noqa: S506 - safe: one of the two safe loaders
    except yaml.YAMLError:
        return  # who locks it is told; here it only decides an order
    lines = document.get("dependencies") if isinstance(document, dict) else None
    for line in lines if isinstance(lines, list) else ():
        inner = line.get("pip") if isinstance(line, dict) else [line]
        for one in inner if isinstance(inner, list) else ():
            match = _NAME.match(one) if isinstance(one, str) else None
            if match:
                yield match["name"].lower()
