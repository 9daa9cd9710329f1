"""Registries: names of images in them, credentials, pushing, pulling, and what refers to an image."""

from typing import TYPE_CHECKING

from bindery.core.front_door import open_on_demand

if TYPE_CHECKING:
    from bindery.images.registry.client import RegistryClient, open_registry
    from bindery.images.registry.credentials import Credential, CredentialPlaces
    from bindery.images.registry.files import (
        FilePlan,
        find_sif,
        plan_sif_push,
        pull_sif,
        refuse_sif,
        run_sif_push,
    )
    from bindery.images.registry.multi_platform import index_images
    from bindery.images.registry.names import binderhub_reference, own_tags
    from bindery.images.registry.pull import PullPlan, plan_pull, pull_image, run_pull
    from bindery.images.registry.push import Pushed, PushPlan, plan_push, push_image, read_documents, run_push
    from bindery.images.registry.reference import Reference, parse_reference
    from bindery.images.registry.referrers import (
        Document,
        attach_document,
        attach_locally,
        find_referrers,
        local_referrers,
        read_document,
    )
    from bindery.images.registry.transport import Retries

__all__ = [
    "Credential",
    "CredentialPlaces",
    "Document",
    "FilePlan",
    "PullPlan",
    "PushPlan",
    "Pushed",
    "Reference",
    "RegistryClient",
    "Retries",
    "attach_document",
    "attach_locally",
    "binderhub_reference",
    "find_referrers",
    "find_sif",
    "index_images",
    "local_referrers",
    "open_registry",
    "own_tags",
    "parse_reference",
    "plan_pull",
    "plan_push",
    "plan_sif_push",
    "pull_image",
    "pull_sif",
    "push_image",
    "read_document",
    "read_documents",
    "refuse_sif",
    "run_pull",
    "run_push",
    "run_sif_push",
]

if not TYPE_CHECKING:  # so that type checkers know these names and no others
    __getattr__ = open_on_demand(__name__, __file__)
