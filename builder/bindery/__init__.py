"""Bindery binds notebooks to the environment they were written for."""

__version__ = "0.1.0"
