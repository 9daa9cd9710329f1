"""``bindery diff``: which packages differ between two environments, releases, locks or lists of pins."""

from __future__ import annotations

from pathlib import Path

import click

from bindery.cli.changes import changes_as_json, print_changes
from bindery.cli.options import json_option
from bindery.core import CheckFailed, encode_json, read_settings
from bindery.environments import compare_packages, read_package_list


@click.command("diff")
@click.argument("before")
@click.argument("after")
@click.option("--exit-code", is_flag=True, help="Exit with 1 if anything differs.")
@json_option
def command(*, before: str, after: str, exit_code: bool, as_json: bool) -> None:
    """Show which packages differ.

    BEFORE and AFTER are an environment (pangeo), a release of it (pangeo@2025.08.14), a lock file, or pins of wheels
    (environments/pangeo/wheels-3.12.txt). Pins and locks are compared by conda-forge's names and by versions.
    """
    settings = read_settings(Path.cwd())
    old, new = read_package_list(before, settings), read_package_list(after, settings)
    changes = compare_packages(old, new)
    if as_json:
        document = encode_json(
            {"schema": 1, "before": old.label, "after": new.label, "changes": changes_as_json(changes)}
        )
        click.echo(document)
    else:
        shared = {package.platform for package in old.packages} & {package.platform for package in new.packages}
        print_changes(changes, len(shared))
    if changes and exit_code:
        raise CheckFailed(f"{len(changes)} packages differ", f"{old.label}, {new.label}")
