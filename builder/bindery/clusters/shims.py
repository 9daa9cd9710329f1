"""The batch queue's commands for the inside of a SIF, put into a folder that ``bindery test`` has on PATH there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bindery.core import write_file
from bindery.sif.sites import QUEUE_PROGRAMS, shim_lines

if TYPE_CHECKING:
    from pathlib import Path


def write_shims(folder: Path, host: str) -> Path:
    """Make the folder with a program for each command of a batch queue, and return it.

    Raises:
        BadInput: the host's name cannot be one.
        ToolFailed: the disk is full or cannot be written.

    """
    for programs in QUEUE_PROGRAMS.values():
        for program in programs:
            write_file(folder / program, f"#!/bin/sh\n{shim_lines(program, host)}".encode(), 0o755)
    return folder
