"""Conda channels made from PyPI's wheels, for where conda-forge is out of reach."""
