"""Why a package is there, before and after a change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bindery.core import BadInput
from bindery.environments.chains import DependencyGraph, wanted_range

if TYPE_CHECKING:
    from bindery.environments.changes import Comparison
    from bindery.environments.package_lists import ListedPackage, PackageList


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """The chains that end at a package, on platforms where they are the same; none if it is not there.

    A link is a package with its version, what it was on the other side where that differs, and the range that the
    link before it asks for.
    """

    label: str
    platforms: tuple[str, ...]
    chains: tuple[tuple[str, ...], ...]


def explain_change(comparison: Comparison, name: str) -> tuple[Explanation, ...]:
    """Return what pulled the package in, first before, then after.

    Raises:
        BadInput: neither side has the package.

    """
    before, after = comparison.before, comparison.after
    found = (*_explain(before, None, name), *_explain(after, before, name))
    if not any(one.chains for one in found):
        raise BadInput(f"neither has a package {name}", f"{before.label}, {after.label}")
    return found


def _explain(side: PackageList, before: PackageList | None, name: str) -> tuple[Explanation, ...]:
    by_chains: dict[tuple[tuple[str, ...], ...], list[str]] = {}
    for platform in sorted({package.platform for package in side.packages}):
        graph = DependencyGraph.of(side, platform)
        previous = DependencyGraph.of(before, platform) if before else None
        chains = tuple(_links(chain, previous) for chain in graph.chains_to(name))
        by_chains.setdefault(chains, []).append(platform)
    return tuple(
        Explanation(label=side.label, platforms=tuple(platforms), chains=chains)
        for chains, platforms in by_chains.items()
    )


def _links(chain: tuple[ListedPackage, ...], previous: DependencyGraph | None) -> tuple[str, ...]:
    links: list[str] = []
    for index, package in enumerate(chain):
        notes = []
        wanted = wanted_range(chain[index - 1], package.name) if index else ""
        if wanted:
            notes.append(wanted)
        if previous is not None:
            was = previous.find(package.name)
            if was is None:
                notes.append("new")
            elif was.version != package.version:
                notes.append(f"was {was.version}")
        links.append(f"{package.name} {package.version}" + (f" ({'; '.join(notes)})" if notes else ""))
    return tuple(links)
