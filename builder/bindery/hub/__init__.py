"""Binder on one machine. Nothing here yet."""
