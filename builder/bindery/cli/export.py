"""``bindery export``: a lock as other programs read it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from bindery.core import host_platform, read_settings

if TYPE_CHECKING:
    from bindery.core import Settings

Format = Literal["explicit", "environment", "requirements"]


@click.command("export")
@click.argument("target")
@click.option(
    "--format",
    "chosen",
    type=click.Choice(["explicit", "environment", "requirements"]),
    default="explicit",
    show_default=True,
    help="explicit: the URL and MD5 of every package. environment: an environment.yml with versions and builds. "
    "requirements: a requirements.txt of the pip packages only.",
)
@click.option("--platform", help="The platform, such as osx-arm64; else this machine's.")
@click.option(
    "--category", "categories", multiple=True, help="Also the packages of this category, such as dev; main always."
)
def command(*, target: str, chosen: Format, platform: str | None, categories: tuple[str, ...]) -> None:
    """Print a lock as conda, mamba or pip read it, for one platform; the same text as conda-lock's `render`.

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

    render = {
        "explicit": render_explicit,
        "environment": render_environment,
        "requirements": render_requirements,
    }[chosen]
    lock = read_named_lock(target, cache(_settings)).lock
    click.echo(render(lock, platform or host_platform(), ("main", *categories)), nl=False)


def _settings() -> Settings:
    return read_settings(Path.cwd())
