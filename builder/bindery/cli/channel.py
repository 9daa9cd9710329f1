"""``bindery channel``: a conda channel made of wheels, for where conda-forge is out of reach; and offline bundles."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bindery.cli.bundle import BundleRequest, make_bundle
from bindery.cli.display import make_progress
from bindery.cli.options import json_option, mirror_option, python_option, quiet_option
from bindery.core import Json, WrongUse, default_store, encode_json, read_settings, write_file
from bindery.environments import Environment, find_environment

if TYPE_CHECKING:
    from bindery.core import Progress
    from bindery.environments import PackagesSource


@click.command("channel")
@click.argument("environment", metavar="[ENV]", default="pangeo")
@python_option
@click.option(
    "--update-pins",
    is_flag=True,
    help="Solve the environment's spec anew among wheels, and write its wheels-<Python's minor version>.txt.",
)
@click.option(
    "--from-lock",
    metavar="ENV[@RELEASE]|LOCK",
    help="Make an offline bundle: one folder with every package of this lock, for `bindery install --offline`.",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(file_okay=False, path_type=Path),
    help="The bundle's folder. What is there already is kept, if its hash is right.",
)
@click.option(
    "--platform",
    "platforms",
    metavar="PLATFORM",
    multiple=True,
    help="Of the bundle: only this platform, such as linux-64. Default: all of the lock; with wheels, this machine's.",
)
@click.option(
    "--packages",
    type=click.Choice(["conda-forge", "wheels"]),
    default="conda-forge",
    show_default=True,
    help="Of the bundle: those of the committed lock, or the wheel channel that stands in for them.",
)
@mirror_option
@json_option
@quiet_option
def command(  # noqa: PLR0913 - one parameter for each option
    environment: str,
    interpreter: str | None,
    *,
    update_pins: bool,
    from_lock: str | None,
    output: Path | None,
    platforms: tuple[str, ...],
    packages: PackagesSource,
    mirrors: dict[str, str],
    as_json: bool,
    quiet: bool,
) -> None:
    """Make a conda channel for ENV out of PyPI's wheels and a Python of this machine, and print its folder.

    The wheels are those that environments/ENV/wheels-3.12.txt (or -3.11) pins, each by its hash; they are fetched
    from the package index that uv or pip is configured for. The Python is the one that --python names, else the one
    of the lock's minor version, else the distribution's own. The same wheels and the same Python give the same bytes;
    a second call finds the channel in the store.

    \b
    bindery channel                          the channel of pangeo
    bindery channel hpc --python 3.11        with a Python 3.11 that is on this machine
    bindery channel --python /opt/py/bin/python3.12
    micromamba create -p env -c "file://$(bindery channel)" xarray
    bindery channel --python 3.12 --update-pins
    bindery channel --from-lock pangeo -o /media/disk --platform linux-64
    """  # noqa: D301 - Click looks for the character itself, which keeps the lines below it apart
    if from_lock is not None or output is not None:
        if from_lock is None or output is None or update_pins:
            raise WrongUse("a bundle needs --from-lock and -o, and no --update-pins", fix="bindery channel --help")
        asked = BundleRequest(
            target=from_lock, packages=packages, interpreter=interpreter, platforms=platforms, mirrors=mirrors
        )
        bundle, document = make_bundle(asked, output, make_progress(quiet=quiet))
        click.echo(encode_json(document).decode() if as_json else bundle)
        return
    found = find_environment(read_settings(Path.cwd()), environment)
    progress = make_progress(quiet=quiet)
    answer, document = _update(found, interpreter, progress) if update_pins else _make(found, interpreter, progress)
    click.echo(encode_json(document).decode() if as_json else answer)


def _make(environment: Environment, interpreter: str | None, progress: Progress) -> tuple[str, Json]:
    from bindery.environments.wheels import ensure_wheel_channel  # noqa: PLC0415 - not for --help

    channel = ensure_wheel_channel(
        environment, interpreter=interpreter, store=default_store(os.environ), progress=progress
    )
    document: Json = {
        "schema": 1,
        "environment": environment.name,
        "folder": str(channel.folder),
        "digest": str(channel.digest),
        "url": channel.url,
        "python": channel.python_version,
        "glibc": channel.glibc,
        "packages": channel.packages,
    }
    return str(channel.folder), document


def _update(environment: Environment, interpreter: str | None, progress: Progress) -> tuple[str, Json]:
    from bindery.environments.wheels import encode_pins, pins_path, solve_pins, update_minors  # noqa: PLC0415

    written: list[Json] = []
    for minor in update_minors(environment, interpreter):
        pins = solve_pins(environment, minor, os.environ)
        path = pins_path(environment, minor)
        write_file(path, encode_pins(pins, environment.name, minor))
        progress.say(f"{path}: {len(pins)} wheels")
        written.append(str(path))
    return "\n".join(map(str, written)), {"schema": 1, "environment": environment.name, "written": written}
