"""Front doors that let in what is asked for, when it is asked for.

A room's ``__init__`` names what may be entered; importing all of it takes longer than most commands take to run. The
imports stand under ``TYPE_CHECKING``, where type checkers and readers see them, and are made when a name is first used.
"""

from __future__ import annotations

import ast
import importlib
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def open_on_demand(module: str, source: str) -> Callable[[str], object]:
    """Return the ``__getattr__`` of the module whose source file this is (PEP 562)."""
    homes = cache(lambda: _homes(ast.parse(Path(source).read_text(encoding="utf-8"))))

    def get(name: str) -> object:
        home = homes().get(name)
        if home is None:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        value: object = getattr(importlib.import_module(home), name)
        # From now on it is found without this function.
        setattr(sys.modules[module], name, value)
        return value

    return get


def _homes(tree: ast.Module) -> Mapping[str, str]:
    """Return which module each name under ``if TYPE_CHECKING:`` comes from."""
    return {
        alias.name: statement.module
        for block in tree.body
        if isinstance(block, ast.If) and isinstance(block.test, ast.Name) and block.test.id == "TYPE_CHECKING"
        for statement in block.body
        if isinstance(statement, ast.ImportFrom) and statement.module
        for alias in statement.names
    }
