"""``bindery install``: an environment in the store, and its kernel in Jupyter."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bindery.cli.display import make_progress
from bindery.cli.options import json_option, mirror_option, packages_option, python_option, quiet_option
from bindery.core import Json, WrongUse, default_store, encode_json, host_platform, read_settings

if TYPE_CHECKING:
    from bindery.environments import PackagesChoice


@click.command()
@click.argument("environment", metavar="ENVIRONMENT[@RELEASE]")
@packages_option
@python_option
@click.option(
    "--kernel", is_flag=True, help="Let your Jupyter offer the environment: as the kernel bindery-ENVIRONMENT."
)
@click.option("--offline", is_flag=True, help="Use no network: take everything from the folder of --bundle.")
@click.option(
    "--bundle",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder that `bindery channel --from-lock` made, with every package. It needs no project.",
)
@mirror_option
@json_option
@quiet_option
def command(  # noqa: PLR0913 - one parameter for each option
    *,
    environment: str,
    packages: PackagesChoice,
    interpreter: str | None,
    kernel: bool,
    offline: bool,
    bundle: Path | None,
    mirrors: dict[str, str],
    as_json: bool,
    quiet: bool,
) -> None:
    """Install ENVIRONMENT into the store, verified, and print where it is.

    What is there already is not installed again. A release, pangeo@2025.08.14, is installed from its own files alone.

    \b
    bindery channel --from-lock pangeo -o /media/disk     where there is a network
    bindery install pangeo --offline --bundle /media/disk where there is none
    """  # noqa: D301 - Click looks for the character itself, which keeps the lines below it apart
    # Help and completion come without the seconds that these imports take.
    from bindery.environments import find_installable, realise  # noqa: PLC0415
    from bindery.prefixes import ensure_prefix, realise_bundle, register_kernel  # noqa: PLC0415

    progress, store = make_progress(quiet=quiet), default_store(os.environ)
    if offline and bundle is None:
        raise WrongUse(
            "--offline needs --bundle FOLDER", fix="make the folder: bindery channel --from-lock ENV -o FOLDER"
        )
    if bundle is not None and (interpreter is not None or packages != "auto" or mirrors):
        raise WrongUse("--bundle has its own packages", fix="leave out --packages, --python and --channel-mirror")
    if bundle is not None:
        realised = realise_bundle(bundle, environment, host_platform())
    else:
        realised = realise(
            find_installable(read_settings(Path.cwd()), environment),
            packages=packages,
            interpreter=interpreter,
            platform=host_platform(),
            store=store,
            progress=progress,
            mirrors=mirrors,
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
