"""The part of ``bindery pull`` that is about Singularity files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from bindery.core import BadInput, encode_json
from bindery.images.registry import find_sif, open_registry, pull_sif

if TYPE_CHECKING:
    from pathlib import Path

    from bindery.core import Json, Progress
    from bindery.images.registry import Reference

MEGABYTE = 1e6


def pull_to_file(
    reference: Reference, path: Path, progress: Progress, *, plain_http: bool, dry_run: bool, as_json: bool
) -> None:
    """Have the SIF at the path, and print the path.

    Raises:
        BadInput: it is no SIF, it is not there, or the registry sends something else than it promised.
        ToolFailed: the registry refuses, the network failed too often, or the disk is full.

    """
    with open_registry(reference.api_host, os.environ, plain_http=plain_http) as client:
        manifest = find_sif(client, reference)
        if manifest is None:
            raise BadInput(
                "is an image, not a Singularity file", str(reference), "leave --output out, then bindery sif"
            )
        if not dry_run:
            pull_sif(client, reference, manifest, path, progress)
    size_bytes = manifest.layers[0].size_bytes
    verb = "would fetch" if dry_run else "fetched"
    progress.say(f"{reference}: {verb} {size_bytes / MEGABYTE:.1f} MB")
    if not as_json:
        click.echo(str(path))
        return
    document: Json = {
        "schema": 1,
        "file": str(path),
        "digest": str(manifest.digest),
        "sha256": manifest.layers[0].digest.hex,
        "pulled": not dry_run,
        "size_bytes": size_bytes,
    }
    click.echo(encode_json(document, indent=1).decode())
