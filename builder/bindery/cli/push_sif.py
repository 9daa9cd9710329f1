"""The part of ``bindery push`` that is about Singularity files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from bindery.core import encode_json
from bindery.images.annotations import RELEASE, VERSION
from bindery.images.registry import open_registry, own_tags, plan_sif_push, run_sif_push
from bindery.sif import read_labels, read_sif

if TYPE_CHECKING:
    from pathlib import Path

    from bindery.core import Json, Progress
    from bindery.images.registry import Reference

MEGABYTE = 1e6


@dataclass(frozen=True, kw_only=True, slots=True)
class SifOrder:
    """Which file goes where; without tags it gets those that it has a right to."""

    path: Path
    repository: Reference
    tags: tuple[str, ...]
    plain_http: bool
    dry_run: bool


def push_sif(order: SifOrder, progress: Progress, *, as_json: bool) -> None:
    """Push the file, and print where it is.

    Raises:
        BadInput: it is not a SIF.
        WrongUse: a tag cannot be one.
        ToolFailed: the registry refuses, or the network failed too often.

    """
    target = order.repository
    labels = read_labels(read_sif(order.path))
    annotations = {**labels, VERSION: labels[RELEASE]} if RELEASE in labels else dict(labels)
    given = tuple(dict.fromkeys((*([target.tag] if target.tag else []), *order.tags)))
    with open_registry(target.api_host, os.environ, plain_http=order.plain_http) as client:
        plan = plan_sif_push(client, order.path, target, given or own_tags(annotations), annotations)
        if not order.dry_run:
            run_sif_push(client, plan, progress)
    verb = "would send" if order.dry_run else "sent"
    progress.say(f"{target.repository}: {', '.join(plan.tags)}: {verb} {plan.missing_bytes / MEGABYTE:.1f} MB")
    if not as_json:
        click.echo(f"{target.tagged(plan.tags[0])}@{plan.digest}")
        return
    document: Json = {
        "schema": 1,
        "sif": str(order.path),
        "digest": str(plan.digest),
        "pushed": not order.dry_run,
        "repositories": [
            {"repository": target.repository, "tags": list(plan.tags), "missing_bytes": plan.missing_bytes}
        ],
    }
    click.echo(encode_json(document, indent=1).decode())
