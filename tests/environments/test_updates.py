"""Ten updates of a published environment, from conda-forge's records of a month later: what moves, and what has to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bindery.core import NoProgress, Store
from bindery.environments import (
    Environment,
    Lock,
    PackageChange,
    Requirement,
    SolveOptions,
    Spec,
    compare_packages,
    list_lock,
    read_lock,
    read_spec,
    solve_with_reasons,
)
from bindery.environments.solve import platform_request, readable_channels, records_cache
from bindery.environments.solver import RecordsChoice, ask_worker, encode_request, match_spec

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeAlias

    from bindery.core import Json

    Moves: TypeAlias = tuple[tuple[PackageChange, ...], Mapping[tuple[str, str], str]]

PAGE = Path(__file__).parents[2] / "docs" / "updates.md"
CHANNEL = Path(__file__).with_name("data") / "updates"
PLATFORM = "linux-64"
UPDATES = (
    "zarr",
    "cartopy",
    "scipy",
    "openssl",
    "harfbuzz",
    "libglib",
    "fsspec",
    "aiobotocore",
    "libgdal-core",
    "ffmpeg",
)
BEGIN = "<!-- written by: pytest tests/environments/test_updates.py --update-golden -->\n"
HEADINGS = "| update | from | to | packages that change | beside it | the solver's own choice | a fresh solve |\n"
SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class Published:
    """An environment as it was published, on one platform, and a store."""

    spec: Spec
    lock: Lock
    store: Store
    path: Path
    updates: dict[str, Moves] = field(default_factory=dict)

    def solve(self, options: SolveOptions) -> Moves:
        """Return what changes, and why."""
        options = replace(options, mirrors={"conda-forge": str(CHANNEL)})
        found = solve_with_reasons(self.spec, self.path, store=self.store, progress=NoProgress(), options=options)
        return compare_packages(list_lock(self.lock, "before"), list_lock(found.lock, "after")), found.reasons

    def fitting(self, asked: tuple[Requirement, ...], lines: list[Requirement]) -> list[str]:
        """Return which of the lines leave a solution beside what is asked for, each by itself."""
        spec = replace(self.spec, requirements=((PLATFORM, asked),))
        request = encode_request(platform_request(spec, PLATFORM, SolveOptions()))
        assert isinstance(request, dict)
        words: dict[str, Json] = {"task": "fits", "platforms": [{**request, "lines": [*map(match_spec, lines)]}]}
        channels = readable_channels(spec.channels, {"conda-forge": str(CHANNEL)}, self.store)
        answer = ask_worker(words, channels, choice=RecordsChoice(), cache=records_cache(self.store))
        assert not answer.has("failure")
        return [line for one in answer.items("fits") for line in one.texts("lines")]

    def update(self, name: str) -> Moves:
        """Return what changes with an update of this package, and why; each is solved once."""
        if name not in self.updates:
            self.updates[name] = self.solve(SolveOptions(locked=self.lock.packages, keep=True, update=(name,)))
        return self.updates[name]


@pytest.fixture(scope="session")
def july(published: Path, solver_store: Store) -> Published:
    """Return pangeo-notebook as it was published in July 2025."""
    folder = published / "2025.07.17"
    base = Environment(name="base-notebook", folder=folder / "base-notebook")
    environment = Environment(name="pangeo-notebook", folder=folder / "pangeo-notebook", extends=(base,))
    lock = read_lock(environment.lock_path).restricted_to((PLATFORM,))
    spec = read_spec(environment, (PLATFORM,))
    return Published(spec=spec, lock=lock, store=solver_store, path=environment.lock_path)


def describe(july: Published, name: str, fresh: int) -> str:
    """Return the update's row."""
    changes, reasons = july.update(name)
    (asked,) = (change for change in changes if change.name == name)
    assert asked.before is not None
    assert asked.after is not None
    others = [change.name for change in changes if change.name != name]
    because = [f"{other}: {reasons[other, PLATFORM]}" for other in others[:SHOWN]]
    because += [f"and {len(others) - SHOWN} more"] if len(others) > SHOWN else []
    unlocked = tuple(package for package in july.lock.packages if package.name != name)
    left, _ = july.solve(SolveOptions(locked=unlocked))
    count = str(len(left)) if any(change.name == name for change in left) else "none: it stays old"
    before, after = (f"{one.version} {one.build}".rstrip() for one in (asked.before, asked.after))
    cells = (name, before, after, str(len(changes)), "<br>".join(because), count, str(fresh))
    return f"| {' | '.join(cells)} |\n"


def test_the_page_has_the_table_of_ten_updates(july: Published, *, update_golden: bool) -> None:
    fresh, _ = july.solve(SolveOptions())
    table = HEADINGS + "| --- | --- | --- | --- | --- | --- | --- |\n"
    table += "".join(describe(july, name, len(fresh)) for name in UPDATES)
    head, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    tail = rest.partition("\n\n")[2]
    page = f"{head}{BEGIN}{table}\n{tail}"
    if update_golden:
        PAGE.write_text(page, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page


@pytest.mark.parametrize("name", UPDATES)
def test_each_package_that_moves_has_to(july: Published, name: str) -> None:
    """Beside the updated package none of the others can stay, even if everything else were free to move."""
    changes, _ = july.update(name)
    after = {change.name: change.after for change in changes if change.after}
    old = {package.name: package for package in july.lock.packages}
    others = after.keys() - {name}
    assert others <= old.keys()
    updated = Requirement(name=name, version=after[name].version, build=after[name].build or None)
    stay = [Requirement(name=other, version=old[other].version, build=old[other].build) for other in sorted(others)]
    asked = (*july.spec.requirements_for(PLATFORM), updated)
    # The solver is asked about each line by itself; that of the updated package shows that it can say yes.
    assert july.fitting(asked, [*stay, updated]) == [match_spec(updated)]


def test_nothing_moves_when_nothing_is_asked(july: Published) -> None:
    assert july.solve(SolveOptions(locked=july.lock.packages, keep=True)) == ((), {})
