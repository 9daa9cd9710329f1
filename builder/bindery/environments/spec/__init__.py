"""Specs: what people ask for in ``environment.yml``."""

from bindery.environments.spec.read import read_spec
from bindery.environments.spec.values import Requirement, Spec

__all__ = ["Requirement", "Spec", "read_spec"]
