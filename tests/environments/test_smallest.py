from __future__ import annotations

import asyncio
from itertools import combinations
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

# Not part of the front door: rattler is asked through it, in a process of its own.
from bindery.environments.smallest import find_smallest, smallest_hitting

if TYPE_CHECKING:
    from collections.abc import Collection

NAMES = [f"package-{number}" for number in range(9)]
SETS = st.lists(st.frozensets(st.sampled_from(NAMES), min_size=1, max_size=4), max_size=7)


class Solver:
    """Has no solution with any of these conflicts pinned as a whole, and guesses as it is told to."""

    def __init__(self, conflicts: Collection[frozenset[str]], guess: frozenset[str] | None) -> None:
        self._conflicts = conflicts
        self._guess = guess
        self.asked = 0

    async def __call__(self, pinned: frozenset[str]) -> frozenset[str] | None:
        self.asked += 1
        found = [one for one in self._conflicts if one <= pinned]
        if not found:
            return None
        return found[0] if self._guess is None else self._guess & pinned


def least(sets: Collection[frozenset[str]]) -> int:
    """Return the size of a smallest set that hits all, found by trying every one."""
    return next(
        size
        for size in range(len(NAMES) + 1)
        if any(all(one.intersection(chosen) for one in sets) for chosen in combinations(NAMES, size))
    )


@given(SETS)
def test_a_hitting_set_hits_all_and_none_is_smaller(sets: list[frozenset[str]]) -> None:
    found = smallest_hitting(sets)
    assert all(one & found for one in sets)
    assert len(found) == least(sets)


@given(
    conflicts=SETS, guess=st.none() | st.frozensets(st.sampled_from(NAMES)), more=st.frozensets(st.sampled_from(NAMES))
)
def test_no_smaller_set_of_packages_could_have_moved(
    conflicts: list[frozenset[str]], guess: frozenset[str] | None, more: frozenset[str]
) -> None:
    enough = frozenset(name for one in conflicts for name in one) | more
    moved = asyncio.run(find_smallest(frozenset(NAMES), Solver(conflicts, guess), enough))
    assert all(one & moved for one in conflicts)
    assert len(moved) == least(conflicts)


def test_what_fits_is_asked_for_once() -> None:
    solver = Solver([], None)
    assert asyncio.run(find_smallest(frozenset(NAMES), solver, frozenset(NAMES))) == frozenset()
    assert solver.asked == 1


def test_with_too_many_conflicts_nothing_moves_that_can_stay() -> None:
    names = [f"package-{number:02}" for number in range(80)]
    conflicts = [frozenset(names[start : start + 2]) for start in range(0, 80, 2)]
    moved = asyncio.run(find_smallest(frozenset(names), Solver(conflicts, None), frozenset(names)))
    assert all(one & moved for one in conflicts)
    assert len(moved) == 40


def test_every_package_alone_in_its_conflict_moves() -> None:
    conflicts = [frozenset({name}) for name in NAMES]
    assert smallest_hitting(conflicts) == frozenset(NAMES)
