"""The fewest packages that have to move: a smallest set whose release makes the rest fit together again.

Packages that are pinned and do not fit are in conflict; a conflict ends only when one of its packages is let go. So
a set of packages that has one of each conflict found so far is tried, the smallest first; what still does not fit is a
further conflict. The first set that fits is a smallest one. Nothing here knows of a solver: it is asked.

Source: Davies and Bacchus, Solving MAXSAT by Solving a Sequence of Simpler SAT Instances, 2011.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

MOST_CONFLICTS = 24  # beyond that the smallest set is dear to find, and one that cannot be made smaller has to do
_SMALL = 3


class Conflict(Protocol):
    """Asks the solver."""

    async def __call__(self, pinned: frozenset[str]) -> frozenset[str] | None:
        """Return None if there is a solution with these pinned, else a guess which of them are in conflict."""


async def find_smallest(pins: frozenset[str], conflict: Conflict, enough: frozenset[str]) -> frozenset[str]:
    """Return a smallest set of pins to let go; ``enough`` is one that is known to do, if not the smallest."""
    enough &= pins
    conflicts: list[frozenset[str]] = []
    while len(conflicts) < MOST_CONFLICTS:
        freed = smallest_hitting(conflicts)
        if len(freed) >= len(enough):
            return enough
        guess = await conflict(pins - freed)
        if guess is None:
            return freed
        conflicts.append(await _true_conflict(pins - freed, guess, conflict))
    return await _without_the_needless(pins, conflict, enough)


def smallest_hitting(sets: Collection[frozenset[str]]) -> frozenset[str]:
    """Return a smallest set that has a member of each of the sets, none of which is empty."""
    size = 0
    while (found := _hitting(tuple(sets), size)) is None:
        size += 1
    return found


def _hitting(sets: Sequence[frozenset[str]], size: int) -> frozenset[str] | None:
    if not sets:
        return frozenset()
    if _disjoint(sets) > size:
        return None
    first = min(sets, key=_size_and_names)
    for name in sorted(first):
        rest = _hitting([one for one in sets if name not in one], size - 1)
        if rest is not None:
            return rest | {name}
    return None


def _size_and_names(one: frozenset[str]) -> tuple[int, list[str]]:
    return len(one), sorted(one)


def _disjoint(sets: Sequence[frozenset[str]]) -> int:
    """Return how many sets can be found that share nothing: no fewer names can hit them all."""
    taken: frozenset[str] = frozenset()
    count = 0
    for one in sorted(sets, key=len):
        if not one & taken:
            taken |= one
            count += 1
    return count


async def _true_conflict(pinned: frozenset[str], guess: frozenset[str], conflict: Conflict) -> frozenset[str]:
    """Return a conflict among the pinned: the guess if it is one, and without what has no part in it."""
    if not guess or await conflict(guess) is None:
        guess = pinned
    if len(guess) <= _SMALL:
        return guess
    return frozenset(await _explain((), tuple(sorted(guess)), conflict, is_known_to_fit=True))


async def _explain(
    background: Sequence[str], names: Sequence[str], conflict: Conflict, *, is_known_to_fit: bool
) -> tuple[str, ...]:
    """Return what of ``names`` does not fit beside ``background``, and no more. Source: Junker, QuickXplain, 2004."""
    if not is_known_to_fit and await conflict(frozenset(background)) is not None:
        return ()
    if len(names) == 1:
        return tuple(names)
    half = len(names) // 2
    first, second = names[:half], names[half:]
    of_second = await _explain((*background, *first), second, conflict, is_known_to_fit=False)
    of_first = await _explain((*background, *of_second), first, conflict, is_known_to_fit=not of_second)
    return (*of_first, *of_second)


async def _without_the_needless(pins: frozenset[str], conflict: Conflict, freed: frozenset[str]) -> frozenset[str]:
    """Return what is left of the freed when each that can be pinned again is."""
    for name in sorted(freed):
        if await conflict(pins - (freed - {name})) is None:
            freed = freed - {name}
    return freed
