"""``bindery install``: an environment in the store, and its kernel in Jupyter."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bindery.cli.display import make_progress
from bindery.cli.options import json_option, packages_option, python_option, quiet_option
from bindery.core import Json, default_store, encode_json, host_platform, read_settings

if TYPE_CHECKING:
    from bindery.environments import PackagesChoice


@click.command()
@click.argument("environment", metavar="ENVIRONMENT[@RELEASE]")
@packages_option
@python_option
@click.option(
    "--kernel", is_flag=True, help="Let your Jupyter offer the environment: as the kernel bindery-ENVIRONMENT."
)
@json_option
@quiet_option
def command(
    *, environment: str, packages: PackagesChoice, interpreter: str | None, kernel: bool, as_json: bool, quiet: bool
) -> None:
    """Install ENVIRONMENT into the store, verified, and print where it is.

    What is there already is not installed again. A release, pangeo@2025.08.14, is installed from its own files alone.
    """
    # Help and completion come without the seconds that these imports take.
    from bindery.environments import find_installable, realise  # noqa: PLC0415
    from bindery.prefixes import ensure_prefix, register_kernel  # noqa: PLC0415

    progress, store = make_progress(quiet=quiet), default_store(os.environ)
    realised = realise(
        find_installable(read_settings(Path.cwd()), environment),
        packages=packages,
        interpreter=interpreter,
        platform=host_platform(),
        store=store,
        progress=progress,
    )
    prefix = ensure_prefix(realised, store=store, progress=progress)
    registered = register_kernel(prefix, environment.replace("@", "-"), os.environ) if kernel else None
    if registered:
        progress.say(f"Jupyter now offers {prefix.label}: {registered}")
    document: dict[str, Json] = {
        "schema": 1,
        "environment": realised.environment.name,
        "release": realised.release,
        "label": prefix.label,
        "prefix": str(prefix.path),
        "lock": str(prefix.lock_digest),
        "packages": realised.packages,
        "platform": realised.platform,
        "kernel": str(registered) if registered else None,
    }
    click.echo(encode_json(document, indent=1).decode() if as_json else prefix.path)
