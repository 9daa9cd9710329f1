"""``bindery log``: in which releases a package changed."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bindery.cli.changes import changes_as_json, print_history
from bindery.cli.options import json_option
from bindery.core import BadInput, encode_json, read_settings
from bindery.environments import find_environment, list_environments, read_history, read_lock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bindery.core import Json
    from bindery.environments import Environment, HistoryEntry


@click.command("log")
@click.argument("name", metavar="PACKAGE")
@click.argument("environment_names", metavar="[ENVIRONMENT]...", nargs=-1)
@json_option
def command(*, name: str, environment_names: tuple[str, ...], as_json: bool) -> None:
    """Show in which releases a package changed, the newest first.

    Without ENVIRONMENT, all environments of the project are looked at. What is locked and not released yet comes
    first; an environment's first release adds all its packages.
    """
    settings = read_settings(Path.cwd())
    environments = [find_environment(settings, one) for one in environment_names] or list_environments(settings)
    entries = [entry for environment in environments for entry in read_history(environment, name)]
    if not entries:
        raise BadInput(
            f"no release and no lock has a package {name}",
            ", ".join(one.name for one in environments),
            _near(name, environments),
        )
    if as_json:
        click.echo(encode_json({"schema": 1, "package": name, "history": [_as_json(entry) for entry in entries]}))
    else:
        print_history(entries)


def _near(name: str, environments: Sequence[Environment]) -> str:
    paths = [one.lock_path for one in environments if one.lock_path.is_file()]
    names = {package.name for path in paths for package in read_lock(path).packages}
    near = difflib.get_close_matches(name, sorted(names), n=1)
    return f"did you mean {near[0]}?" if near else ""


def _as_json(entry: HistoryEntry) -> Json:
    return {
        "environment": entry.environment,
        "release": entry.release,
        "date": entry.date.isoformat() if entry.date else None,
        "withdrawn": entry.withdrawn or None,
        "changes": changes_as_json(entry.changes),
    }
