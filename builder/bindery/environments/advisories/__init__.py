"""Known faults of packages, from records that somebody fetched: OSV's, read without a network."""

from bindery.environments.advisories.affected import AffectedPackage, find_affected
from bindery.environments.advisories.read import read_advisories
from bindery.environments.advisories.values import Advisory, AffectedRange, Event, Subject

__all__ = [
    "Advisory",
    "AffectedPackage",
    "AffectedRange",
    "Event",
    "Subject",
    "find_affected",
    "read_advisories",
]
