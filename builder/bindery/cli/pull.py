"""``bindery pull``: an image of a registry comes into the store, or a SIF into a file."""

from __future__ import annotations

import os
from pathlib import Path

import click

from bindery.cli.display import make_progress
from bindery.cli.options import json_option, quiet_option
from bindery.core import Json, WrongUse, default_store, encode_json

MEGABYTE = 1e6


@click.command("pull")
@click.argument("reference")
@click.option(
    "--platform",
    type=click.Choice(["linux-64", "linux-aarch64", "all"]),
    help="Of an image for several platforms: which one. Default: this machine's.",
)
@click.option("--name", metavar="NAME[:TAG]", help="What it is called in the store. Default: REFERENCE.")
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.sif",
    help="Where to put a Singularity file.",
)
@click.option("--plain-http", is_flag=True, help="Speak HTTP without TLS. This machine is spoken to so without asking.")
@click.option("--dry-run", is_flag=True, help="Say what would be fetched, and fetch nothing but the manifest.")
@json_option
@quiet_option
def command(  # noqa: PLR0913 - one parameter for each option
    *,
    reference: str,
    platform: str | None,
    name: str | None,
    output: Path | None,
    plain_http: bool,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Pull an image into the store, and print its name there with its digest: NAME@sha256:…

    REFERENCE is HOST/NAME, HOST/NAME:TAG or HOST/NAME@sha256:DIGITS. Every byte is checked against its digest before
    the image gets its name. What the store has is not fetched again. Credentials are those of `docker login`.
    A Singularity file goes to a place of its own, with --output.

    \b
    bindery pull quay.io/pangeo/pangeo-notebook:2025.08.14
    """  # noqa: D301, D400 - Click looks for the character itself, which keeps the lines below it apart
    from bindery.images import store_layout  # noqa: PLC0415 - not for --help
    from bindery.images.registry import (  # noqa: PLC0415
        find_sif,
        open_registry,
        parse_reference,
        plan_pull,
        refuse_sif,
        run_pull,
    )

    progress = make_progress(quiet=quiet)
    asked = parse_reference(reference.removeprefix("oras://"))
    if output is not None:
        from bindery.cli.pull_sif import pull_to_file  # noqa: PLC0415 - as above

        if platform is not None or name is not None:
            raise WrongUse("is for what is pulled into the store", "--platform, --name", "leave it out, or --output")
        pull_to_file(asked, output, progress, plain_http=plain_http, dry_run=dry_run, as_json=as_json)
        return
    layout = store_layout(default_store(os.environ))
    # `docker pull` says so too: what is not said is latest.
    chosen = name or str(asked if asked.tag or asked.digest else asked.tagged(asked.wanted))
    with open_registry(asked.api_host, os.environ, plain_http=plain_http) as client:
        if find_sif(client, asked) is not None:
            raise refuse_sif(asked)
        plan = plan_pull(client, asked, layout, platform=platform)
        if not dry_run:
            run_pull(client, plan, progress, name=chosen)
    verb = "would fetch" if dry_run else "fetched"
    progress.say(
        f"{asked}: {verb} {len(plan.missing)} of {len(plan.blobs)} blobs, {plan.missing_bytes / MEGABYTE:.1f} MB"
    )
    digest = plan.descriptor.digest
    if not as_json:
        click.echo(f"{chosen.partition('@')[0]}@{digest}")
        return
    document: Json = {
        "schema": 1,
        "name": chosen,
        "digest": str(digest),
        "pulled": not dry_run,
        "blobs": len(plan.blobs),
        "missing": len(plan.missing),
        "missing_bytes": plan.missing_bytes,
    }
    click.echo(encode_json(document, indent=1).decode())
