"""An image becomes a SIF: its layers flow through a packer into a file beside the target, which takes its place.

The same image, program and level give the same bytes, on any machine and from any source, because nothing else goes in.
No file is made but the squashfs, in front of which room is made for the head; where the file system cannot do that, the
squashfs is copied once.

Source: apptainer/sif; apptainer's ``docs/content`` for the names of the objects.
"""

from __future__ import annotations

import os
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bindery.core import BadInput, encode_json, parse_json
from bindery.images import Image, usable_cores
from bindery.sif.archive import DockerArchive, archive_layers
from bindery.sif.flatten import index_layers, write_tree
from bindery.sif.format import NewObject, Sif, SifIdentity, encode_front, read_sif
from bindery.sif.parts import part_beside, prepended, put_in_place
from bindery.sif.singularity_files import inspect_metadata, singularity_members
from bindery.sif.sources import image_layers
from bindery.sif.squashfs import Squashing, find_squasher, run_squasher
from bindery.sif.tar_writer import readable_mode

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bindery.core import Progress
    from bindery.images import ImageConfig
    from bindery.sif.squashfs import SquashCompression

FORMAT = 1
"""Goes up when the same image gives other bytes than before."""


def convert_image(
    source: Image | DockerArchive,
    target: Path,
    *,
    compression: SquashCompression = "gzip",
    processors: int | None = None,
    environ: Mapping[str, str] | None = None,
    progress: Progress,
) -> Sif:
    """Return the SIF of the image, which is at the target now, whole; what was there is replaced.

    Raises:
        BadInput: the image is damaged or cannot become a file system, or SIF has no word for its processor.
        ToolFailed: no packer is there, it fails, or the disk is full or cannot be written.

    """
    image = archive_layers(source) if isinstance(source, DockerArchive) else image_layers(source)
    identity = identify(image.config, image.name)
    surroundings = os.environ if environ is None else environ
    squasher = find_squasher(surroundings)
    with progress.task("Checking layers", image.size_bytes, "bytes") as task:
        tree = index_layers(image, task)
    squashing = Squashing(
        compression=compression,
        processors=processors or usable_cores(),
        epoch_s=identity.created_s,
        root_mode=readable_mode("folder", tree.root.mode),
        root_mtime_s=identity.created_s if tree.root.mtime_s is None else tree.root.mtime_s,
    )
    members = singularity_members(image.config)
    with part_beside(target, surroundings) as part:
        with (
            progress.task("Packing", image.size_bytes, "bytes") as task,
            run_squasher(squasher, squashing, part, surroundings) as sink,
        ):
            write_tree(image, tree, members, sink, epoch_s=identity.created_s, task=task)
        front = encode_front(metadata_objects(image.config), part.stat().st_size, identity)
        with prepended(front, part, target, surroundings) as whole:
            put_in_place(whole, target)
    return read_sif(target)


def identify(config: ImageConfig, name: str) -> SifIdentity:
    """Return what the file's header says: nothing that the image's configuration does not.

    Raises:
        BadInput: the image is not for Linux, or its time is none.

    """
    if config.os != "linux":
        raise BadInput(f"is an image for {config.os}, not for Linux", name)
    try:
        created = datetime.fromisoformat(config.created)
    except ValueError as error:
        raise BadInput(f"its configuration says that it was created at {config.created!r}", name) from error
    created_s = int((created if created.tzinfo else created.replace(tzinfo=UTC)).timestamp())
    return SifIdentity(
        architecture=config.architecture,
        uuid=uuid.uuid5(uuid.NAMESPACE_OID, str(config.digest)),
        created_s=max(created_s, 0),  # some builders write Go's first second, of the year 1
    )


def metadata_objects(config: ImageConfig) -> tuple[NewObject, ...]:
    """Return what stands before the file system, in the order in which apptainer writes it."""
    deffile = f"bootstrap: oci\nfrom: {config.digest}\n".encode()
    document = parse_json(config.raw)
    run = document.get("config") if isinstance(document, dict) else None
    return (
        NewObject(kind="deffile", content=deffile),
        NewObject(kind="json", name="inspect-metadata.json", content=inspect_metadata(config, deffile)),
        NewObject(kind="json", name="oci-config.json", content=encode_json(run or {})),
    )
