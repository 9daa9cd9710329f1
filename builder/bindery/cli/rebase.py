"""``bindery rebase``: a fork takes over the next release of its parent."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bindery.cli.changes import changes_as_json, print_changes
from bindery.cli.display import make_progress
from bindery.cli.fork import describe, explain
from bindery.cli.options import json_option, mirror_option, quiet_option
from bindery.core import CheckFailed, default_store, encode_json, read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bindery.core import Json
    from bindery.environments import RebasePlan


@click.command("rebase")
@click.argument("name", metavar="FORK")
@click.option("--onto", metavar="ENVIRONMENT[@RELEASE]", required=True, help="The new parent: pangeo@2026.11.22.")
@click.option(
    "--give-up", is_flag=True, help="Where its lines leave no solution, go without the fewest of them that must go."
)
@mirror_option
@click.option("--dry-run", is_flag=True, help="Show what would move, and write nothing.")
@json_option
@quiet_option
def command(  # noqa: PLR0913 - click hands over one argument an option
    *,
    name: str,
    onto: str,
    give_up: bool,
    mirrors: dict[str, str],
    dry_run: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Take over the packages of the parent's next release, keep FORK's own lines, and show what moved.

    Where the lines leave no solution, nothing is written, and the smallest set of them to give up is named; the exit
    code is 1. With --give-up they are given up.
    """
    from bindery.environments import (  # noqa: PLC0415 - help comes without them
        Places,
        find_environment,
        plan_rebase,
        write_rebase,
    )

    settings, progress = read_settings(Path.cwd()), make_progress(quiet=quiet)
    places = Places(store=default_store(os.environ), progress=progress, mirrors=mirrors)
    plan = plan_rebase(settings, find_environment(settings, name), onto, places)
    writes = not dry_run and (give_up or not plan.given_up)
    if writes:
        write_rebase(settings, plan)
    if as_json:
        click.echo(encode_json(as_document(plan, wrote=writes), indent=1))
    else:
        print_changes(plan.moved, len(plan.fork.lock.platforms))
        for sentence in (*explain(plan.fork), *explain_rebase(plan)):
            progress.say(sentence)
        progress.say(f"{'wrote' if writes else 'would write'} {plan.fork.environment.folder}: {last_words(plan)}")
    if plan.given_up and not give_up:
        lines = ", ".join(plan.given_up)
        raise CheckFailed(
            f"{plan.conflict}\nthe fewest lines to give up: {lines}",
            f"{name} on {plan.fork.environment.fork_of}",
            f"bindery rebase {name} --onto {onto} --give-up, or edit {plan.previous.spec_path}",
        )


def as_document(plan: RebasePlan, *, wrote: bool) -> dict[str, Json]:
    """Return what JSON says of a rebase."""
    return {
        "schema": 1,
        "written": wrote,
        **describe(plan.fork),
        "was_fork_of": plan.previous.fork_of,
        "moved": changes_as_json(plan.moved),
        "dropped": [{"name": one.name, "stays": one.stays} for one in plan.dropped],
        "idle": list(plan.idle),
        "given_up": list(plan.given_up),
        "conflict": plan.conflict or None,
    }


def explain_rebase(plan: RebasePlan) -> Iterator[str]:
    """Yield what upstream dropped, which lines say nothing any more, and which are given up."""
    for one in plan.dropped:
        yield f"upstream dropped {one.name}; {'it stays, others need it' if one.stays else 'it leaves'}"
    for line in plan.idle:
        yield f"upstream says so itself: {line}"
    for line in plan.given_up:
        yield f"given up: {line}"


def last_words(plan: RebasePlan) -> str:
    """Return what became of the fork, in a few words."""
    parent = plan.fork.environment.fork_of
    if plan.fork.environment == plan.previous and not plan.moved:
        return f"it is a fork of {parent} already, nothing moves"
    return f"a fork of {parent}, {len(plan.moved)} changes, {len(plan.fork.departures)} differences from its parent"
