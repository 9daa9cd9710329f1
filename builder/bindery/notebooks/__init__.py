"""Notebooks: executed once, compared with their references, reported."""
