"""Registries: names of images in them, credentials, pushing, pulling, and what refers to an image."""

from typing import TYPE_CHECKING

from bindery.core.front_door import open_on_demand

if TYPE_CHECKING:
    from bindery.images.registry.client import RegistryClient, open_registry
    from bindery.images.registry.credentials import Credential, CredentialPlaces
    from bindery.images.registry.push import Pushed, PushPlan, plan_push, push_image, run_push
    from bindery.images.registry.reference import Reference, parse_reference
    from bindery.images.registry.transport import Retries

__all__ = [
    "Credential",
    "CredentialPlaces",
    "PushPlan",
    "Pushed",
    "Reference",
    "RegistryClient",
    "Retries",
    "open_registry",
    "parse_reference",
    "plan_push",
    "push_image",
    "run_push",
]

if not TYPE_CHECKING:  # so that type checkers know these names and no others
    __getattr__ = open_on_demand(__name__, __file__)
