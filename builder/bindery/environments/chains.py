"""Who needs whom among the packages of one platform: chains, trees, and dependents."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bindery.environments.package_lists import ListedPackage, PackageList


@dataclass(frozen=True, kw_only=True, slots=True)
class Branch:
    """A line of a tree: how deep it is, the package, the range it is asked for in, and whether it was drawn before."""

    depth: int
    package: ListedPackage
    wanted: str
    is_repeated: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class DependencyGraph:
    """The packages of one platform by name; ``names`` leads from a name as PyPI compares it to the package's own."""

    packages: Mapping[str, ListedPackage]
    names: Mapping[str, str]
    direct: frozenset[str]
    needed_by: Mapping[str, tuple[str, ...]]

    @staticmethod
    def of(listed: PackageList, platform: str) -> DependencyGraph:
        """Return the graph of the platform; empty if the list has nothing for it."""
        packages = {one.name: one for one in listed.packages if one.platform == platform}
        names = {spelt_alike(name): name for name in sorted(packages)}
        needed_by: dict[str, list[str]] = {}
        for name in sorted(packages):
            for needed in {_own_name(other, packages, names) for other, _ in packages[name].dependencies} - {
                name,
                None,
            }:
                needed_by.setdefault(needed or "", []).append(name)
        direct = {_own_name(name, packages, names) for name in listed.direct}
        return DependencyGraph(
            packages=packages,
            names=names,
            direct=frozenset(name for name in direct if name is not None),
            needed_by={name: tuple(others) for name, others in needed_by.items()},
        )

    def find(self, name: str) -> ListedPackage | None:
        """Return the package of this name, or of one that PyPI takes for the same; None if it is not there."""
        own = _own_name(name, self.packages, self.names)
        return None if own is None else self.packages[own]

    def dependents(self, name: str) -> tuple[tuple[ListedPackage, str], ...]:
        """Return the packages that need this one, each with the range it asks for, sorted by name."""
        target = self.find(name)
        if target is None:
            return ()
        found = (self.packages[other] for other in self.needed_by.get(target.name, ()))
        return tuple((package, wanted_range(package, target.name)) for package in found)

    def chains_to(self, name: str) -> tuple[tuple[ListedPackage, ...], ...]:
        """Return why the package is there: the shortest chain from each direct dependency, the shortest first.

        A direct dependency that reaches the package only through another one is left out. A package that is direct
        itself is a chain of one.
        """
        target = self.find(name)
        if target is None:
            return ()
        key = target.name
        next_one: dict[str, str | None] = {key: None}
        queue = deque([key])
        while queue:
            current = queue.popleft()
            if current in self.direct and current != key:
                continue
            for other in self.needed_by.get(current, ()):
                if other not in next_one:
                    next_one[other] = current
                    queue.append(other)
        # Not every lock is one of its spec: then the chains start where nothing needs the package any more.
        starts = self.direct & next_one.keys() or {name for name in next_one if not self.needed_by.get(name)} or {key}
        chains = (self._follow(start, next_one) for start in starts)
        return tuple(sorted(chains, key=lambda chain: (len(chain), [package.name for package in chain])))

    def tree(self, roots: Iterable[str], depth: int) -> tuple[Branch, ...]:
        """Return the lines of a tree below each root; what a package needs is drawn once, at its first place."""
        lines: list[Branch] = []
        drawn: set[str] = set()
        todo = [(0, name, "") for name in sorted(roots, reverse=True)]
        while todo:
            level, name, wanted = todo.pop()
            package = self.find(name)
            if package is None:
                continue  # a virtual package
            is_repeated = package.name in drawn and bool(package.dependencies)
            lines.append(Branch(depth=level, package=package, wanted=wanted, is_repeated=is_repeated))
            if level < depth and package.name not in drawn:
                drawn.add(package.name)
                below = sorted(package.dependencies, reverse=True)
                todo += [(level + 1, *one) for one in below if one[0] != package.name]
        return tuple(lines)

    def _follow(self, start: str, next_one: Mapping[str, str | None]) -> tuple[ListedPackage, ...]:
        chain: list[ListedPackage] = []
        current: str | None = start
        while current is not None:
            chain.append(self.packages[current])
            current = next_one[current]
        return tuple(chain)


def wanted_range(package: ListedPackage, name: str) -> str:
    """Return the range in which the package asks for the other; empty where any version does."""
    exact = dict(package.dependencies).get(name)
    if exact is not None:
        return exact
    return next((wanted for needed, wanted in package.dependencies if spelt_alike(needed) == spelt_alike(name)), "")


def _own_name(name: str, packages: Mapping[str, ListedPackage], names: Mapping[str, str]) -> str | None:
    # The exact name first: conda-forge has a cached-property that needs its cached_property.
    return name if name in packages else names.get(spelt_alike(name))


def spelt_alike(name: str) -> str:
    """Return the name as PyPI's rules compare it, which writers of dependencies follow too."""
    return name.lower().replace("_", "-").replace(".", "-")
