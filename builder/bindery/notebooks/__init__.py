"""Notebooks: executed once, compared with their references, reported.

``compare`` and ``report`` are rooms of their own, with front doors of their own.
"""

from bindery.notebooks.collect import Notebook, UnreadableNotebook, collect_notebooks
from bindery.notebooks.imports import FailedImport, TriedImports
from bindery.notebooks.observer import NoObserver, Observer
from bindery.notebooks.results import CellResult, FailureClass, Mismatch, NotebookResult, Outcome, TestRun
from bindery.notebooks.run import RunOptions, run_notebooks, try_notebook_imports
from bindery.notebooks.target import Target, choose_environment, existing_target, realise_target

__all__ = [
    "CellResult",
    "FailedImport",
    "FailureClass",
    "Mismatch",
    "NoObserver",
    "Notebook",
    "NotebookResult",
    "Observer",
    "Outcome",
    "RunOptions",
    "Target",
    "TestRun",
    "TriedImports",
    "UnreadableNotebook",
    "choose_environment",
    "collect_notebooks",
    "existing_target",
    "realise_target",
    "run_notebooks",
    "try_notebook_imports",
]
