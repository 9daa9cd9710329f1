"""The judge of executed notebooks: what differs from the reference, and where; and how a new reference is accepted.

notebook  ──▶ cells (matched) ──▶ outputs (folded, matched) ──▶ nbval's comparator ──▶ CellResult
├── text ── masks, numbers, progress bars
├── stderr, JSON, drawings
├── HTML ── tables
└── pictures
"""

from bindery.notebooks.compare.accept import AcceptedChange, accept_notebook
from bindery.notebooks.compare.notebook import compare_notebook

__all__ = ["AcceptedChange", "accept_notebook", "compare_notebook"]
