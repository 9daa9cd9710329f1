"""Singularity: images become one file that runs where there is no daemon, no root and no network."""

from typing import TYPE_CHECKING

from bindery.core.front_door import open_on_demand

if TYPE_CHECKING:
    from bindery.sif.archive import DockerArchive
    from bindery.sif.convert import convert_image
    from bindery.sif.flatten import flatten_image
    from bindery.sif.format import (
        NewObject,
        ObjectKind,
        Sif,
        SifIdentity,
        SifObject,
        read_object,
        read_sif,
        write_sif,
    )
    from bindery.sif.inspect import SifFacts, inspect_sif, read_config_digest, read_labels
    from bindery.sif.read import open_rootfs, open_tree
    from bindery.sif.singularity_files import inspect_metadata, singularity_members
    from bindery.sif.squashfs import SquashCompression

__all__ = [
    "DockerArchive",
    "NewObject",
    "ObjectKind",
    "Sif",
    "SifFacts",
    "SifIdentity",
    "SifObject",
    "SquashCompression",
    "convert_image",
    "flatten_image",
    "inspect_metadata",
    "inspect_sif",
    "open_rootfs",
    "open_tree",
    "read_config_digest",
    "read_labels",
    "read_object",
    "read_sif",
    "singularity_members",
    "write_sif",
]

if not TYPE_CHECKING:  # so that type checkers know these names and no others
    __getattr__ = open_on_demand(__name__, __file__)
