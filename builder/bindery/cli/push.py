"""``bindery push``: an image of the store, or a SIF, goes to a registry."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bindery.cli.display import make_progress
from bindery.cli.options import json_option, quiet_option
from bindery.cli.stored_images import find_stored
from bindery.core import BadInput, Json, WrongUse, encode_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bindery.core import Progress
    from bindery.images import Descriptor, Layout
    from bindery.images.registry import Pushed, PushPlan, Reference, RegistryClient

CYCLONEDX = "application/vnd.cyclonedx+json"
MEGABYTE = 1e6


@click.command("push")
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True)
@click.argument("reference")
@click.option("--tag", "-t", "tags", metavar="TAG", multiple=True, help="Put this tag on it; may be given again.")
@click.option(
    "--binderhub",
    metavar="PREFIX",
    help="Also push it under the name that a BinderHub with this image_prefix looks for: it launches without a build.",
)
@click.option("--sbom", type=click.Path(exists=True, dir_okay=False), help="Attach this list of materials (CycloneDX).")
@click.option(
    "--mount-from",
    "sources",
    metavar="NAME",
    multiple=True,
    help="A repository there that may have some of its layers.",
)
@click.option("--plain-http", is_flag=True, help="Speak HTTP without TLS. This machine is spoken to so without asking.")
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and send nothing.")
@json_option
@quiet_option
def command(  # noqa: PLR0913 - one parameter for each option
    *,
    images: tuple[str, ...],
    reference: str,
    tags: tuple[str, ...],
    binderhub: str | None,
    sbom: str | None,
    sources: tuple[str, ...],
    plain_http: bool,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Push IMAGE to a registry, and print where it is: HOST/NAME:TAG@sha256:…

    IMAGE is in the store (pangeo:2025.08.14) or in a layout (oci:FOLDER). REFERENCE is HOST/NAME or HOST/NAME:TAG.
    Without any tag it gets those that it has a right to: its release, its revision of git, and latest. Several images,
    each for another platform, are pushed under one name, with an index of them. Or it is a Singularity file
    (pangeo.sif), which is kept as Apptainer keeps it: `apptainer pull oras://HOST/NAME:TAG`.

    Only what the registry lacks is sent. Tags move when everything is there. Credentials are those of `docker login`.

    \b
    bindery push pangeo quay.io/pangeo/pangeo-notebook
    bindery push pangeo localhost:5000/pangeo --tag 2025.08.14 --tag stable
    """  # noqa: D301, D400 - Click looks for the character itself, which keeps the lines below it apart
    from bindery.images.registry import parse_reference  # noqa: PLC0415 - not for --help

    progress = make_progress(quiet=quiet)
    target = parse_reference(reference.removeprefix("oras://"))
    if target.digest is not None:
        raise WrongUse("an image is pushed to a tag, and has the digest that it has", reference, "leave the digest out")
    if len(images) == 1 and Path(images[0]).is_file():
        from bindery.cli.push_sif import SifOrder, push_sif  # noqa: PLC0415 - as above

        if binderhub or sbom or sources:
            raise WrongUse("only images have that", images[0], "leave --binderhub, --sbom and --mount-from out")
        order = SifOrder(path=Path(images[0]), repository=target, tags=tags, plain_http=plain_http, dry_run=dry_run)
        push_sif(order, progress, as_json=as_json)
        return
    layout, descriptor = _find(images)
    annotations = _annotations(layout, descriptor)
    goals = [_Goal(repository=target, tags=_tags(tags, target, annotations))]
    if binderhub is not None:
        goals.append(_binderhub_goal(binderhub, annotations, images[0]))
    if sbom is not None and not dry_run:
        _attach(layout, descriptor, Path(sbom))
    done = _push_all(
        _Order(layout=layout, descriptor=descriptor, goals=tuple(goals), sources=sources),
        progress,
        plain_http=plain_http,
        dry_run=dry_run,
    )
    if as_json:
        document: Json = {"schema": 1, "digest": str(descriptor.digest), "pushed": not dry_run, "repositories": done}
        click.echo(encode_json(document, indent=1).decode())
    else:
        for goal in goals:
            click.echo(f"{goal.repository.tagged(goal.tags[0])}@{descriptor.digest}")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Goal:
    """A repository, and the tags that the image gets there."""

    repository: Reference
    tags: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Order:
    layout: Layout
    descriptor: Descriptor
    goals: tuple[_Goal, ...]
    sources: tuple[str, ...]


def _find(images: tuple[str, ...]) -> tuple[Layout, Descriptor]:
    """Return the image, or an index of the images."""
    layout, descriptor = find_stored(images[0])
    if len(images) == 1:
        return layout, descriptor
    from bindery.images import read_image  # noqa: PLC0415 - as above
    from bindery.images.registry import index_images  # noqa: PLC0415

    found = [find_stored(one) for one in images]
    elsewhere = [text for text, (where, _) in zip(images, found, strict=True) if where != layout]
    if elsewhere:
        raise WrongUse(f"is not where {images[0]} is", elsewhere[0], "build them into one store")
    return layout, index_images(layout, [read_image(layout, str(one.digest)) for _, one in found])


def _annotations(layout: Layout, descriptor: Descriptor) -> Mapping[str, str]:
    from bindery.images.registry import read_documents  # noqa: PLC0415 - as above

    documents = read_documents(layout, descriptor, str(layout.root))
    # An index without annotations of its own says what its first image says.
    return documents[-1].annotations or documents[0].annotations


def _tags(given: tuple[str, ...], target: Reference, annotations: Mapping[str, str]) -> tuple[str, ...]:
    from bindery.images.registry import own_tags  # noqa: PLC0415 - as above

    chosen = (*([target.tag] if target.tag else []), *given)
    return tuple(dict.fromkeys(chosen)) or own_tags(annotations)


def _binderhub_goal(prefix: str, annotations: Mapping[str, str], image: str) -> _Goal:
    from bindery.images.annotations import REVISION, SOURCE  # noqa: PLC0415 - as above
    from bindery.images.registry import binderhub_reference  # noqa: PLC0415

    source, revision = annotations.get(SOURCE, ""), annotations.get(REVISION, "")
    if not source or not revision:
        raise WrongUse(
            "does not say of which repository and revision it is, and BinderHub looks for it by them",
            image,
            "build it from a repository's URL",
        )
    found = binderhub_reference(prefix, source, revision)
    return _Goal(repository=found, tags=(found.wanted,))


def _attach(layout: Layout, descriptor: Descriptor, path: Path) -> None:
    from bindery.core import parse_json  # noqa: PLC0415 - as above
    from bindery.images.registry import Document, attach_locally  # noqa: PLC0415

    data = path.read_bytes()
    try:
        document = parse_json(data)
    except ValueError:
        document = None
    if not isinstance(document, dict) or document.get("bomFormat") != "CycloneDX":
        raise BadInput("is no list of materials in CycloneDX's JSON", str(path), "bindery export --format cyclonedx")
    attach_locally(layout, descriptor, Document(data=data, artifact_type=CYCLONEDX, media_type=CYCLONEDX))


def _push_all(order: _Order, progress: Progress, *, plain_http: bool, dry_run: bool) -> list[Json]:
    from bindery.images.registry import open_registry, plan_push, run_push  # noqa: PLC0415 - as above

    done: list[Json] = []
    sources = {goal.repository.api_host: order.sources for goal in order.goals}
    with ExitStack() as opened:
        clients: dict[str, RegistryClient] = {}
        for goal in order.goals:
            host = goal.repository.api_host
            if host not in clients:
                clients[host] = opened.enter_context(open_registry(host, os.environ, plain_http=plain_http))
            plan = plan_push(
                clients[host],
                order.layout,
                order.descriptor,
                goal.repository,
                tags=goal.tags,
                mount_from=sources[host],
            )
            pushed = None if dry_run else run_push(clients[host], plan, progress)
            progress.say(_sentence(plan, pushed))
            done.append(_document(plan, pushed))
            sources[host] = (goal.repository.name, *sources[host])
    return done


def _sentence(plan: PushPlan, pushed: Pushed | None) -> str:
    where = f"{plan.repository.repository}: {', '.join(plan.tags)}"
    if pushed is None:
        return (
            f"{where}: would send {len(plan.missing)} of {len(plan.blobs)} blobs, "
            f"at most {plan.missing_bytes / MEGABYTE:.1f} MB"
        )
    return (
        f"{where}: sent {pushed.uploaded} of {len(plan.blobs)} blobs, {pushed.sent_bytes / MEGABYTE:.1f} MB; "
        f"{pushed.there} were there, {pushed.mounted} came from other repositories"
    )


def _document(plan: PushPlan, pushed: Pushed | None) -> Json:
    return {
        "repository": plan.repository.repository,
        "tags": list(plan.tags),
        "blobs": len(plan.blobs),
        "missing": len(plan.missing),
        "missing_bytes": plan.missing_bytes,
        "referrers": [str(one.digest) for one in plan.referrers],
        "sent_bytes": 0 if pushed is None else pushed.sent_bytes,
        "mounted": 0 if pushed is None else pushed.mounted,
    }
