"""``bindery fork``: an environment that is another one but for a few lines."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bindery.cli.changes import changes_as_json, print_changes
from bindery.cli.display import make_progress
from bindery.cli.options import json_option, mirror_option, quiet_option
from bindery.core import default_store, encode_json, read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bindery.core import Json
    from bindery.environments import ForkPlan

_VERBS = {"added": "comes in", "removed": "leaves"}


@click.command("fork")
@click.argument("parent", metavar="ENVIRONMENT[@RELEASE]")
@click.argument("name", metavar="NAME")
@click.option("--add", metavar="LINE", multiple=True, help="A package that the parent does not ask for: 'xgcm>=0.8'.")
@click.option(
    "--remove", metavar="PACKAGE", multiple=True, help="A package that the parent asks for, and this does not."
)
@click.option(
    "--pin", metavar="LINE", multiple=True, help="Another version of a package than the parent's: 'numpy<2.2'."
)
@mirror_option
@click.option("--dry-run", is_flag=True, help="Show how it would differ from its parent, and write nothing.")
@json_option
@quiet_option
def command(  # noqa: PLR0913 - click hands over one argument an option
    *,
    parent: str,
    name: str,
    add: tuple[str, ...],
    remove: tuple[str, ...],
    pin: tuple[str, ...],
    mirrors: dict[str, str],
    dry_run: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Make the environment NAME out of another one, and show in which packages it differs.

    It has every package of its parent as it is, but for what its own lines need. The lines are in
    environments/NAME/environment.yml; what it is a fork of, and what it does without, is in bindery.toml.
    `bindery rebase NAME --onto ENVIRONMENT@RELEASE` takes over the parent's next release.
    """
    from bindery.environments import ForkLines, Places, plan_fork, write_fork  # noqa: PLC0415 - help comes without them

    settings, progress = read_settings(Path.cwd()), make_progress(quiet=quiet)
    places = Places(store=default_store(os.environ), progress=progress, mirrors=mirrors)
    plan = plan_fork(settings, parent, name, ForkLines(add=add, remove=remove, pin=pin), places)
    if not dry_run:
        write_fork(settings, plan)
    if as_json:
        click.echo(encode_json({"schema": 1, "written": not dry_run, **describe(plan)}, indent=1))
        return
    print_changes(plan.departures, len(plan.lock.platforms))
    for sentence in explain(plan):
        progress.say(sentence)
    folder = plan.environment.folder
    progress.say(f"{'would write' if dry_run else 'wrote'} {folder}: a fork of {plan.environment.fork_of}")


def describe(plan: ForkPlan) -> dict[str, Json]:
    """Return what JSON says of a fork."""
    reasons: dict[str, dict[str, Json]] = {}
    for (name, platform), why in sorted(plan.reasons.items()):
        reasons.setdefault(name, {})[platform] = why
    return {
        "environment": plan.environment.name,
        "fork_of": plan.environment.fork_of,
        "without": list(plan.environment.without),
        "lock": str(plan.environment.lock_path),
        "departures": changes_as_json(plan.departures),
        "reasons": {name: dict(why) for name, why in reasons.items()},
    }


def explain(plan: ForkPlan) -> Iterator[str]:
    """Yield a sentence for each package that is not the parent's although no line names it, and for what stays."""
    said: dict[str, None] = {}
    for change in plan.departures:
        why = plan.why(change)
        if why and why != "asked for":
            said[f"{change.name} {_VERBS.get(change.kind, 'is another')}: {why}"] = None
    yield from said
    left = {package.name for package in plan.lock.packages}
    yield from (f"{name} stays: other packages need it" for name in plan.environment.without if name in left)
