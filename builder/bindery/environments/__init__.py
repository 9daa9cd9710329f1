"""What to install: specs, locks, channels, releases."""

from bindery.environments.environment import Environment, find_environment, list_environments
from bindery.environments.lockfile import (
    Lock,
    LockedChannel,
    LockedPackage,
    encode_lock,
    parse_lock,
    read_lock,
    write_lock,
)
from bindery.environments.realised import PackagesChoice, PackagesSource, Realised

__all__ = [
    "Environment",
    "Lock",
    "LockedChannel",
    "LockedPackage",
    "PackagesChoice",
    "PackagesSource",
    "Realised",
    "encode_lock",
    "find_environment",
    "list_environments",
    "parse_lock",
    "read_lock",
    "write_lock",
]
