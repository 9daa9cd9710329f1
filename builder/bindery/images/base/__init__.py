"""Bases: what lies below an environment in an image, made of Debian packages or taken from elsewhere, and kept."""

from typing import TYPE_CHECKING

from bindery.core.front_door import open_on_demand

if TYPE_CHECKING:
    from bindery.images.base.artifact import copy_image, export_base, export_base_of, import_base
    from bindery.images.base.ensure import DEFAULT, ensure_base, makes_base
    from bindery.images.base.lock import FILE_NAME, BaseLock, parse_base_locks, read_base_lock, write_base_lock
    from bindery.images.base.packages import BasePackage, parse_apt_packages

__all__ = [
    "DEFAULT",
    "FILE_NAME",
    "BaseLock",
    "BasePackage",
    "copy_image",
    "ensure_base",
    "export_base",
    "export_base_of",
    "import_base",
    "makes_base",
    "parse_apt_packages",
    "parse_base_locks",
    "read_base_lock",
    "write_base_lock",
]

if not TYPE_CHECKING:  # so that type checkers know these names and no others
    __getattr__ = open_on_demand(__name__, __file__)
