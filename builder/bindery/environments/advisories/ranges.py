"""Whether a version is in the ranges of an advisory.

Source: https://ossf.github.io/osv-schema/#evaluation.
"""

from __future__ import annotations

import re
from functools import cmp_to_key, partial
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from bindery.environments.versions import compare_versions

if TYPE_CHECKING:
    from collections.abc import Callable

    from bindery.environments.advisories.values import AffectedRange, Event, Order, Subject

_SEMVER = re.compile(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?")
_START = "0"


class UnorderedError(Exception):
    """Two versions of which neither is known to be the newer one."""


def is_affected(subject: Subject, version: str) -> bool | None:
    """Answer whether the version has the fault; None if its place among the versions cannot be told."""
    if version in subject.versions:
        return True
    undecided = False
    for one in subject.ranges:
        try:
            if _is_in(one, version, partial(compare, subject, one.order)):
                return True
        except UnorderedError:
            undecided = True
    return None if undecided else False


def compare(subject: Subject, order: Order, one: str, other: str) -> int:
    """Return -1, 0 or 1 as the first version is older, the same, or newer, in the order that the range asks for.

    Raises:
        UnorderedError: one of them is no version there.

    """
    if order == "semver":
        mine, theirs = _semver(one), _semver(other)
        if mine is not None and theirs is not None:
            return (mine > theirs) - (mine < theirs)
    elif subject.ecosystem == "pypi":
        try:
            first, second = Version(one), Version(other)
            return (first > second) - (first < second)
        except InvalidVersion:
            pass  # conda's order knows nearly all of PyPI's versions, and those that only conda writes
    found = compare_versions(one, other)
    if found is None:
        raise UnorderedError
    return found


def _is_in(one: AffectedRange, version: str, compare_two: Callable[[str, str], int]) -> bool:
    limits = [event.version for event in one.events if event.kind == "limit" and event.version != "*"]
    if limits and all(compare_two(version, limit) >= 0 for limit in limits):
        return False
    inside = False
    for event in sorted(one.events, key=cmp_to_key(partial(_compare_events, compare_two))):
        match event.kind:
            case "introduced":
                if event.version == _START or compare_two(version, event.version) >= 0:
                    inside = True
            case "fixed":
                if compare_two(version, event.version) >= 0:
                    inside = False
            case "last_affected":
                if compare_two(version, event.version) > 0:
                    inside = False
            case "limit":
                pass
    return inside


def _compare_events(compare_two: Callable[[str, str], int], one: Event, other: Event) -> int:
    starts = [event.kind == "introduced" and event.version == _START for event in (one, other)]
    if any(starts):
        return starts[1] - starts[0]
    return compare_two(one.version, other.version)


def _semver(text: str) -> tuple[tuple[int, int, int], bool, list[tuple[bool, int, str]]] | None:
    match = _SEMVER.fullmatch(text)
    if match is None:
        return None
    numbers = (int(match[1]), int(match[2] or 0), int(match[3] or 0))
    # Numbers are older than words; a version without a pre-release is newer than all of its pre-releases.
    words = [(not word.isdigit(), int(word) if word.isdigit() else 0, word) for word in (match[4] or "").split(".")]
    return numbers, match[4] is None, words
