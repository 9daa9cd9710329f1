"""conda-lock's lock files, read and written as conda-lock reads and writes them, without its seconds of imports."""

from bindery.environments.lockfile.encode import encode_body, encode_lock, write_lock
from bindery.environments.lockfile.parse import parse_lock, read_lock
from bindery.environments.lockfile.values import MAIN, Lock, LockedChannel, LockedPackage, Manager, Pairs

__all__ = [
    "MAIN",
    "Lock",
    "LockedChannel",
    "LockedPackage",
    "Manager",
    "Pairs",
    "encode_body",
    "encode_lock",
    "parse_lock",
    "read_lock",
    "write_lock",
]
