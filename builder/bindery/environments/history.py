"""In which releases a package changed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bindery.environments.changes import compare_packages
from bindery.environments.lockfile import read_lock
from bindery.environments.package_lists import PackageList, list_lock
from bindery.environments.releases import list_releases, read_released_lock

if TYPE_CHECKING:
    import datetime as dt

    from bindery.environments.changes import PackageChange
    from bindery.environments.environment import Environment
    from bindery.environments.lockfile import Lock


@dataclass(frozen=True, kw_only=True, slots=True)
class HistoryEntry:
    """What happened to a package in a release; no release for what is locked and not released yet.

    ``withdrawn`` is the reason why the release was withdrawn; empty if it was not.
    """

    environment: str
    release: str | None
    date: dt.date | None
    changes: tuple[PackageChange, ...]
    withdrawn: str = ""


def read_history(environment: Environment, name: str) -> tuple[HistoryEntry, ...]:
    """Return the releases in which the package changed, newest first; in the first release it is added.

    Raises:
        BadInput: a release or the lock cannot be read.

    """
    entries: list[HistoryEntry] = []
    previous = PackageList(label="", packages=())
    for published in list_releases(environment):
        listed = _only(read_released_lock(published), name)
        withdrawn = published.entry.withdrawn
        entry = HistoryEntry(
            environment=environment.name,
            release=published.entry.version,
            date=published.release.date,
            changes=compare_packages(previous, listed),
            withdrawn=withdrawn.reason if withdrawn else "",
        )
        entries.append(entry)
        previous = listed
    if environment.lock_path.is_file():
        listed = _only(read_lock(environment.lock_path, environment.fix), name)
        changes = compare_packages(previous, listed)
        entries.append(HistoryEntry(environment=environment.name, release=None, date=None, changes=changes))
    return tuple(entry for entry in reversed(entries) if entry.changes)


def _only(lock: Lock, name: str) -> PackageList:
    return list_lock(replace(lock, packages=tuple(package for package in lock.packages if package.name == name)), "")
