"""Ten updates of a published environment, from conda-forge's records of a month later: what moves, and what has to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bindery.core import BadInput, NoProgress, Store
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
    solve_lock,
    solve_with_reasons,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

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

    def solve(self, options: SolveOptions) -> tuple[tuple[PackageChange, ...], Mapping[tuple[str, str], str]]:
        """Return what changes, and why."""
        options = replace(options, mirrors={"conda-forge": str(CHANNEL)})
        found = solve_with_reasons(self.spec, self.path, store=self.store, progress=NoProgress(), options=options)
        return compare_packages(list_lock(self.lock, "before"), list_lock(found.lock, "after")), found.reasons

    def update(self, name: str) -> tuple[tuple[PackageChange, ...], Mapping[tuple[str, str], str]]:
        """Return what changes with an update of this package, and why."""
        return self.solve(SolveOptions(locked=self.lock.packages, keep=True, update=(name,)))


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


@pytest.mark.parametrize("name", [name for name in UPDATES if name != "ffmpeg"])
def test_each_package_that_moves_has_to(july: Published, name: str) -> None:
    """Beside the updated package none of the others can stay, even if everything else were free to move."""
    changes, _ = july.update(name)
    after = {change.name: change.after for change in changes if change.after}
    old = {package.name: package for package in july.lock.packages}
    asked = july.spec.requirements_for(PLATFORM)
    assert name in after
    for other in after.keys() - {name}:
        assert other in old
        pins = (
            Requirement(name=name, version=after[name].version, build=after[name].build or None),
            Requirement(name=other, version=old[other].version, build=old[other].build),
        )
        spec = replace(july.spec, requirements=((PLATFORM, (*asked, *pins)),))
        options = SolveOptions(mirrors={"conda-forge": str(CHANNEL)})
        with pytest.raises(BadInput, match=f"cannot be solved for {PLATFORM}"):
            solve_lock(spec, july.path, store=july.store, progress=NoProgress(), options=options)


def test_nothing_moves_when_nothing_is_asked(july: Published) -> None:
    assert july.solve(SolveOptions(locked=july.lock.packages, keep=True)) == ((), {})
