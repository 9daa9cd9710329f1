"""Singularity image files. Nothing here yet."""
