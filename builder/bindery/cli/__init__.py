"""The command line: parse, call, print; nothing else."""

from bindery.cli.main import main

__all__ = ["main"]
