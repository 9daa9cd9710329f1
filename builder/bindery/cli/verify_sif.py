"""The part of ``bindery verify`` that is about Singularity files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bindery.cli.verify_image import build_request, findings_as_json, named_source, show_findings
from bindery.core import default_store, encode_json
from bindery.images import describe_build
from bindery.images.verify import expect_config, expect_image
from bindery.sif import read_labels, read_sif
from bindery.sif.verify import ExpectedSif, is_signed, verify_sif

if TYPE_CHECKING:
    from bindery.cli.verify_image import ImageRequest
    from bindery.core import Json, Progress


def verify_sif_file(request: ImageRequest, progress: Progress, *, as_json: bool, quiet: bool) -> int:
    """Print where the SIF differs, and return 1 if it does, else 0.

    Raises:
        BadInput: it is not a SIF, or nobody knows what it must be.
        ToolFailed: a tool, the network or the disk failed.

    """
    store = default_store(os.environ)
    sif = read_sif(Path(request.target))
    labels = read_labels(sif)
    source = request.source or named_source(labels, request.target)
    described = describe_build(build_request(request, source, labels), store=store, progress=progress)
    expected = ExpectedSif(
        image=expect_image(described, progress=progress), config=expect_config(described, progress=progress)
    )
    findings = verify_sif(sif, expected, progress=progress)
    signed = is_signed(sif)
    if as_json:
        document: Json = {
            "schema": 1,
            "label": expected.image.linked.label,
            "sif": request.target,
            "uuid": str(sif.uuid),
            "of": source,
            "config": str(expected.config.digest) if expected.config else None,
            "lock": str(expected.image.linked.lock_digest),
            "base": str(described.parts.base.descriptor.digest),
            "complete": expected.image.is_complete,
            "signed": signed,
            "findings": findings_as_json(findings),
        }
        click.echo(encode_json(document, indent=1).decode())
    else:
        show_findings(findings)
    if not quiet:
        count = f"{len(findings)} differences" if findings else "as the lock makes it"
        part = "" if expected.image.is_complete else " (but not in everything: commands ran in it afterwards)"
        mark = "; signed, by whom is for `singularity verify`" if signed else ""
        click.echo(f"{source}: {request.target}: {count}{part}{mark}", err=True)
    return 1 if findings else 0
