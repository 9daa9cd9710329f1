"""A SIF, file by file and byte by byte, against what the lock makes."""

from typing import TYPE_CHECKING

from bindery.core.front_door import open_on_demand

if TYPE_CHECKING:
    from bindery.sif.verify.expected import ExpectedSif
    from bindery.sif.verify.metadata import is_signed
    from bindery.sif.verify.proof import verify_sif

__all__ = ["ExpectedSif", "is_signed", "verify_sif"]

if not TYPE_CHECKING:  # so that type checkers know these names and no others
    __getattr__ = open_on_demand(__name__, __file__)
