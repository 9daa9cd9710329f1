"""``bindery sif``: an image becomes one file that Singularity and Apptainer run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

import click

from bindery.cli.display import make_progress
from bindery.cli.options import json_option, quiet_option
from bindery.core import BadInput, WrongUse, default_store, encode_json

if TYPE_CHECKING:
    from bindery.core import Json, Progress, Store
    from bindery.images import Image, Layout, Target
    from bindery.sif import DockerArchive, Sif, SquashCompression

_ARCHIVE = "docker-archive:"
_FORMS = "NAME[:TAG], oci:FOLDER[:TAG], docker-archive:FILE[:NAME] or docker://HOST/NAME[:TAG]"


@click.command("sif")
@click.argument("image")
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), metavar="FILE", help="Default: NAME_TAG.sif in this folder."
)
@click.option(
    "--compression",
    type=click.Choice(["gzip", "zstd"]),
    default="gzip",
    show_default=True,
    help="zstd is smaller and faster, for kernels since 4.14; gzip is read everywhere.",
)
@click.option(
    "--platform",
    type=click.Choice(["linux-64", "linux-aarch64"]),
    help="Of an image for several platforms: which one. Default: this machine's.",
)
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@json_option
@quiet_option
def command(  # noqa: PLR0913 - one parameter for each option
    *,
    image: str,
    output: Path | None,
    compression: SquashCompression,
    platform: str | None,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Make a Singularity file of IMAGE, and print its path.

    IMAGE is in the store (pangeo, pangeo:2025.08.14), in an OCI layout (oci:FOLDER, oci:FOLDER:TAG), in a file that
    docker save wrote (docker-archive:FILE), or in a registry (docker://HOST/NAME:TAG), from which it is pulled into the
    store first. Neither root nor a daemon nor Apptainer is needed, but tar2sqfs (squashfs-tools-ng) or
    mksquashfs 4.5.

    The same image gives the same bytes on any machine, wherever it comes from.

    \b
    bindery sif pangeo:2025.08.14
    bindery sif docker-archive:image.tar -o ocean.sif --compression zstd
    """  # noqa: D301 - Click looks for the character itself, which keeps the lines below it apart
    from bindery.sif import convert_image  # noqa: PLC0415 - not for --help

    progress = make_progress(quiet=quiet)
    target = None if image.startswith(_ARCHIVE) else _target(image)
    file = output or Path(f"{_stem(image, target)}.sif")
    if file.exists() and not force:
        raise WrongUse("is there already", str(file), "--force, or another file with -o")
    source = _archive(image) if target is None else _read(target, default_store(os.environ), platform, progress)
    sif = convert_image(source, file, compression=compression, environ=os.environ, progress=progress)
    click.echo(_as_json(sif, file, compression) if as_json else str(file))


def _target(text: str) -> Target:
    from bindery.images import parse_target  # noqa: PLC0415 - not for --help

    return parse_target(text)


def _archive(text: str) -> DockerArchive:
    from bindery.sif import DockerArchive  # noqa: PLC0415 - not for --help

    path, _, name = text.removeprefix(_ARCHIVE).partition(":")
    if not path:
        raise WrongUse("ends too early", text, f"write {_ARCHIVE}FILE, or {_ARCHIVE}FILE:NAME")
    return DockerArchive(path=Path(path), name=name)


def _stem(text: str, target: Target | None) -> str:
    """Return what the file is called if nobody says it: as ``apptainer pull`` would."""
    from bindery.images import LayoutTarget, RegistryTarget, StoreTarget  # noqa: PLC0415 - not for --help

    match target:
        case None:
            return Path(text.removeprefix(_ARCHIVE).partition(":")[0]).name.removesuffix(".tar")
        case StoreTarget(name="", digest=digest):
            return str(digest).replace(":", "_")
        case StoreTarget(name=name, tag=tag):
            return "_".join(filter(None, (name.rpartition("/")[2], tag or "latest")))
        case LayoutTarget(folder=folder, reference=reference):
            return "_".join(filter(None, (folder.resolve().name, reference.rpartition("/")[2].replace(":", "_"))))
        case RegistryTarget(reference=reference):
            from bindery.images.registry import parse_reference  # noqa: PLC0415 - brings its client

            asked = parse_reference(reference)
            return f"{asked.name.rpartition('/')[2]}_{asked.wanted.replace(':', '_')}"
        case _:
            return "image"


def _read(target: Target, store: Store, platform: str | None, progress: Progress) -> Image:
    """Return the image of a layout: the store's, if it has to be fetched.

    Raises:
        WrongUse: the target is no image that can be read so.
        BadInput: there is none.
        ToolFailed: the registry fails.

    """
    from bindery.images import (  # noqa: PLC0415 - not for --help
        ContainerTarget,
        DaemonTarget,
        LayoutTarget,
        PathTarget,
        RegistryTarget,
        ReleaseTarget,
        StoreTarget,
        open_layout,
        read_image,
        store_layout,
    )

    match target:
        case StoreTarget():
            return read_image(store_layout(store), target.key, platform)
        case LayoutTarget(folder=folder, reference=reference):
            layout = open_layout(folder)
            return read_image(layout, reference or _only(layout), platform)
        case RegistryTarget():
            return _pull(target.reference, store_layout(store), platform, progress)
        case DaemonTarget(reference=reference):
            fix = f"docker save {reference} --output image.tar, and {_ARCHIVE}image.tar"
            raise WrongUse("a SIF is made of files, not of what an engine has", str(target), fix)
        case PathTarget(path=path):
            raise WrongUse("is not the name of an image", str(path), f"use one of {_FORMS}")
        case ReleaseTarget():
            fix = f"bindery build {target}, and the image that it prints"
            raise WrongUse("is a release, not an image", str(target), fix)
        case ContainerTarget():
            raise WrongUse("is a container, not an image", str(target), f"use one of {_FORMS}")
        case _:
            assert_never(target)


def _only(layout: Layout) -> str:
    # What refers to an image, such as its list of materials, is listed beside it.
    digests = {str(one.digest) for one in layout.entries() if one.artifact_type is None}
    if len(digests) != 1:
        names = ", ".join(list(layout.names())[:5])
        raise BadInput(f"has {len(digests)} images: {names}", str(layout.root), f"oci:{layout.root}:NAME")
    return digests.pop()


def _pull(reference: str, layout: Layout, platform: str | None, progress: Progress) -> Image:
    from bindery.images import read_image  # noqa: PLC0415 - not for --help
    from bindery.images.registry import open_registry, parse_reference, plan_pull, run_pull  # noqa: PLC0415

    asked = parse_reference(reference)
    named = asked if asked.tag or asked.digest else asked.tagged(asked.wanted)
    with open_registry(asked.api_host, os.environ) as client:
        plan = plan_pull(client, asked, layout, platform=platform)
        run_pull(client, plan, progress, name=str(named))
    return read_image(layout, str(plan.descriptor.digest), platform)


def _as_json(sif: Sif, file: Path, compression: str) -> str:
    document: dict[str, Json] = {
        "schema": 1,
        "file": str(file),
        "uuid": str(sif.uuid),
        "architecture": sif.architecture,
        "created_s": sif.created_s,
        "compression": compression,
        "size_bytes": file.stat().st_size,
        "objects": [{"kind": one.kind, "name": one.name, "size_bytes": one.size_bytes} for one in sif.objects],
    }
    return encode_json(document, indent=1).decode()
