"""``bindery load``: an image of the store goes into a Docker engine."""

from __future__ import annotations

import os

import click

from bindery.cli.display import make_progress
from bindery.cli.options import json_option, quiet_option
from bindery.cli.stored_images import find_stored
from bindery.core import Json, WrongUse, encode_json


@click.command("load")
@click.argument("image")
@click.option("--tag", "-t", "name", metavar="NAME[:TAG]", help="What the engine calls it. Default: as IMAGE is.")
@json_option
@quiet_option
def command(*, image: str, name: str | None, as_json: bool, quiet: bool) -> None:
    """Load IMAGE into the Docker engine that `docker` talks to, and print its name there.

    IMAGE is in the store (pangeo:2025.08.14) or in a layout (oci:FOLDER). What the engine has is not sent again.

    \b
    docker run -p 8888:8888 "$(bindery load pangeo)"
    """  # noqa: D301 - Click looks for the character itself, which keeps the lines below it apart
    from bindery.images import parse_target, read_image  # noqa: PLC0415 - not for --help
    from bindery.images.docker_engine import load_image  # noqa: PLC0415
    from bindery.images.target import StoreTarget  # noqa: PLC0415

    layout, descriptor = find_stored(image)
    found = read_image(layout, str(descriptor.digest))
    target = parse_target(image)
    own = target.tagged if isinstance(target, StoreTarget) and target.name else ""
    chosen = name or own
    if not chosen:
        raise WrongUse("has no name that an engine could call it by", image, "name it: --tag NAME:TAG")
    if ":" not in chosen.rpartition("/")[2]:
        chosen = f"{chosen}:latest"
    load_image(found, chosen, environ=os.environ, progress=make_progress(quiet=quiet))
    document: Json = {"schema": 1, "name": chosen, "digest": str(found.digest), "config": str(found.config.digest)}
    click.echo(encode_json(document, indent=1).decode() if as_json else chosen)
