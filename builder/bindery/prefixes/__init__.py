"""Folders in which a lock is installed."""
