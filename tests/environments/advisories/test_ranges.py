from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bindery.environments.advisories import AffectedRange, Event, Subject
from bindery.environments.advisories.ranges import is_affected

if TYPE_CHECKING:
    from bindery.environments.advisories.values import Ecosystem, EventKind, Order


def subject(
    *events: tuple[EventKind, str],
    order: Order = "ecosystem",
    ecosystem: Ecosystem = "pypi",
    versions: tuple[str, ...] = (),
) -> Subject:
    found = AffectedRange(order=order, events=tuple(Event(kind=kind, version=version) for kind, version in events))
    return Subject(ecosystem=ecosystem, name="x", ranges=(found,) if events else (), versions=versions)


FIXED = subject(("introduced", "1.0"), ("fixed", "2.0"))
TWICE = subject(("fixed", "2.0"), ("introduced", "3.0"), ("introduced", "0"), ("fixed", "3.1"))
LAST = subject(("introduced", "1.0"), ("last_affected", "2.0"))
OPEN = subject(("introduced", "1.0"))
LIMITED = subject(("introduced", "0"), ("limit", "2.0"))
PEP440 = subject(("introduced", "0"), ("fixed", "2.0"))
SEMVER = subject(("introduced", "1.0.0-rc.2"), ("fixed", "1.2.0"), order="semver")
CONDA = subject(("introduced", "0"), ("fixed", "1.0.1b"), ecosystem="conda")
NAMED = subject(versions=("1.5",))


@pytest.mark.parametrize(
    ("about", "version", "expected"),
    [
        (FIXED, "0.9", False),
        (FIXED, "1.0", True),
        (FIXED, "1.99", True),
        (FIXED, "2.0", False),
        (TWICE, "1", True),
        (TWICE, "2.5", False),
        (TWICE, "3.0.5", True),
        (TWICE, "3.1", False),
        (LAST, "2.0", True),
        (LAST, "2.0.1", False),
        (OPEN, "99", True),
        (LIMITED, "1.9", True),
        (LIMITED, "2.0", False),
        (PEP440, "2.0rc1", True),
        (PEP440, "2.0.post1", False),
        (PEP440, "2.0.dev1", True),
        (SEMVER, "1.0.0-rc.1", False),
        (SEMVER, "1.0.0-rc.10", True),
        (SEMVER, "1.0", True),
        (SEMVER, "1.2", False),
        (CONDA, "1.0.1a", True),
        (CONDA, "1.0.1_", True),
        (CONDA, "1.0.1b", False),
        (NAMED, "1.5", True),
        (NAMED, "1.6", False),
        (FIXED, "§", None),
        (subject(("introduced", "a b"), order="semver"), "1", None),
        (subject(("introduced", "a b"), versions=("1",)), "1", True),
    ],
)
def test_versions_in_ranges(about: Subject, version: str, expected: bool | None) -> None:  # noqa: FBT001 - the answer
    assert is_affected(about, version) is expected
