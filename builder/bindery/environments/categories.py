"""For what a package is in the lock: because of something in ``main``, or only of something in ``dev``.

Source: conda-lock 4, lockfile/__init__.py, apply_categories.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bindery.environments.lockfile import MAIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bindery.environments.lockfile import LockedPackage
    from bindery.environments.spec import Requirement


def with_categories(packages: Sequence[LockedPackage], requested: Iterable[Requirement]) -> tuple[LockedPackage, ...]:
    """Return the packages of one platform, once for each category that needs them; ``main`` alone where it is one."""
    by_name: dict[str, list[LockedPackage]] = {}
    for package in packages:
        by_name.setdefault(_spelt_alike(package.name), []).append(package)
    categories: dict[tuple[str, str, str], set[str]] = {package.key: set() for package in packages}
    for requirement in requested:
        for package in _closure(requirement.name, by_name):
            categories[package.key].add(requirement.category)
    return tuple(
        replace(package, category=category, optional=category != MAIN)
        for package in packages
        for category in _reduced(categories[package.key])
    )


def _closure(name: str, by_name: Mapping[str, list[LockedPackage]]) -> Iterable[LockedPackage]:
    """Yield the packages of this name, and all that they need."""
    seen: set[str] = set()
    todo = [_spelt_alike(name)]
    while todo:
        current = todo.pop()
        if current in seen:
            continue
        seen.add(current)
        for package in by_name.get(current, []):
            yield package
            todo.extend(_spelt_alike(dependency) for dependency, _ in package.dependencies)


def _reduced(categories: set[str]) -> list[str]:
    # Nothing asked for it by name, so it came with the solver's own rules, as pip does with some pythons.
    return [MAIN] if MAIN in categories or not categories else sorted(categories)


def _spelt_alike(name: str) -> str:
    # PyPI takes hyphens, underscores and dots for the same, and writers of dependencies do too.
    return name.lower().replace("_", "-").replace(".", "-")
