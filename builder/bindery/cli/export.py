"""``bindery export``: a lock as other programs read it."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Literal

import click

from bindery.cli.targets import project_settings
from bindery.core import WrongUse, default_store, host_platform

if TYPE_CHECKING:
    from bindery.environments import NamedLock

Format = Literal["explicit", "environment", "requirements", "cyclonedx"]


@click.command("export")
@click.argument("target")
@click.option(
    "--format",
    "chosen",
    type=click.Choice(["explicit", "environment", "requirements", "cyclonedx"]),
    default="explicit",
    show_default=True,
    help="explicit: the URL and MD5 of every package. environment: an environment.yml with versions and builds. "
    "requirements: a requirements.txt of the pip packages only. cyclonedx: a list of materials that scanners read.",
)
@click.option("--platform", help="The platform, such as osx-arm64; else this machine's.")
@click.option(
    "--category", "categories", multiple=True, help="Also the packages of this category, such as dev; main always."
)
def command(*, target: str, chosen: Format, platform: str | None, categories: tuple[str, ...]) -> None:
    """Print a lock as conda, mamba, pip or a scanner reads it, for one platform.

    The first three formats are the same text as conda-lock's `render`. The fourth is CycloneDX 1.6 in JSON, with the
    licences that this machine's store knows.

    TARGET is an environment (pangeo), a release of it (pangeo@2025.08.14), a lock file, or one of these in a revision
    of git (HEAD~3:pangeo).

    \b
    bindery export pangeo > conda-linux-64.lock && conda create -n pangeo --file conda-linux-64.lock
    bindery export pangeo@2025.08.14 --format environment --platform osx-arm64 > environment.yml
    """  # noqa: D301 - Click looks for the character itself, which keeps the lines below it apart
    from bindery.environments import (  # noqa: PLC0415 - not for --help
        read_named_lock,
        render_environment,
        render_explicit,
        render_requirements,
    )

    named = read_named_lock(target, cache(project_settings))
    if chosen == "cyclonedx":
        if categories:
            raise WrongUse("a list of materials is of what is installed", "--category", "leave it out")
        click.echo(_materials(named, platform or host_platform()), nl=False)
        return
    render = {
        "explicit": render_explicit,
        "environment": render_environment,
        "requirements": render_requirements,
    }[chosen]
    click.echo(render(named.lock, platform or host_platform(), ("main", *categories)), nl=False)


def _materials(named: NamedLock, platform: str) -> bytes:
    from bindery.environments import read_facts  # noqa: PLC0415 - not for the other formats
    from bindery.images import encode_sbom  # noqa: PLC0415

    name, _, version = named.label.partition("@")
    facts = read_facts(named.lock.packages_for(platform), default_store(os.environ))
    licences = {url: one.licence for url, one in facts.items() if one.licence is not None}
    return encode_sbom(named.lock, platform, name, version, licences)
