"""``bindery lock``: spec → ``conda-lock.yml``."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bindery.cli.changes import changes_as_json, print_changes
from bindery.cli.display import make_progress
from bindery.cli.moves import explain_changes, reasons_as_json
from bindery.cli.options import json_option, mirror_option, quiet_option
from bindery.core import CheckFailed, WrongUse, default_store, encode_json, read_settings
from bindery.environments import (
    LockRequest,
    RecordsChoice,
    check_lock,
    find_environment,
    list_environments,
    plan_lock,
    write_plan,
)

if TYPE_CHECKING:
    from bindery.core import Json, Progress, Settings
    from bindery.environments import ChannelPriority, Environment, LockPlan


def _pairs(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return both sides of the first ``=`` of each value."""
    pairs = []
    for value in values:
        name, _, rest = value.partition("=")
        if not name or not rest:
            raise click.BadParameter(f"{value!r} is not NAME=VALUE", ctx, param)
        pairs.append((name, rest))
    return tuple(pairs)


def _time(ctx: click.Context, param: click.Parameter, value: str | None) -> dt.datetime | None:
    """Return the time in UTC; a day includes all of itself."""
    if value is None:
        return None
    try:
        time = dt.datetime.fromisoformat(value)
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is neither a day nor a time", ctx, param) from error
    if "T" not in value and " " not in value:
        time += dt.timedelta(days=1, seconds=-1)
    return time.replace(tzinfo=dt.UTC) if time.tzinfo is None else time.astimezone(dt.UTC)


@click.command("lock")
@click.argument("names", metavar="[ENVIRONMENT]...", nargs=-1)
@click.option(
    "--update",
    metavar="PACKAGE[=VERSION]",
    multiple=True,
    help="Bring this package to its newest, or to the newest of this version; keep all others.",
)
@click.option(
    "--add",
    metavar="LINE",
    multiple=True,
    help="Write this into environment.yml, as in 'xarray>=2025.7'; keep all other packages.",
)
@click.option(
    "--remove",
    metavar="PACKAGE",
    multiple=True,
    help="Take this out of environment.yml; keep all that is still needed.",
)
@click.option("--keep", is_flag=True, help="Keep every package that environment.yml, edited by hand, lets be.")
@click.option(
    "--locked-from",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Keep the packages of this conda-lock.yml where the spec lets them be.",
)
@mirror_option
@click.option(
    "--channel-priority",
    type=click.Choice(["strict", "flexible", "disabled"]),
    default="strict",
    show_default=True,
    help="Take a package from the first channel that has what is wanted, from a later one if need be, or the newest.",
)
@click.option(
    "--exclude-newer",
    metavar="DATE",
    callback=_time,
    help="Leave out packages made after this day, or this time: 2025-08-14, 2025-08-14T12:00:00Z.",
)
@click.option("--offline", is_flag=True, help="Use only the channels' records that the store has.")
@click.option(
    "--metadata",
    metavar="KEY=TEXT",
    callback=_pairs,
    multiple=True,
    help="Write this into the lock's custom_metadata.",
)
@click.option("--dry-run", is_flag=True, help="Show what would change, and write nothing.")
@click.option("--check", "only_check", is_flag=True, help="Like --dry-run, and exit with 1 if anything would change.")
@json_option
@quiet_option
def command(  # noqa: PLR0913 - click hands over one argument an option
    *,
    names: tuple[str, ...],
    update: tuple[str, ...],
    add: tuple[str, ...],
    remove: tuple[str, ...],
    keep: bool,
    locked_from: Path | None,
    mirrors: dict[str, str],
    channel_priority: ChannelPriority,
    exclude_newer: dt.datetime | None,
    offline: bool,
    metadata: tuple[tuple[str, str], ...],
    dry_run: bool,
    only_check: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Solve environments for all their platforms and write their locks; without names, all that have a lock.

    The packages and hashes go to environments/<name>/conda-lock.yml, in conda-lock's format: whatever installs such
    files installs this one.

    With --update, --add, --remove or --keep, every package stays as it is unless that is impossible; what moved all
    the same is listed with the reason. Packages that nothing needs any more leave.
    """
    environments = _choose(read_settings(Path.cwd()), names)
    if len(environments) > 1 and (add or remove):
        raise WrongUse("--add and --remove are for one environment")
    request = LockRequest(
        mirrors=mirrors,
        locked_from=locked_from,
        update=update,
        add=add,
        remove=remove,
        keep=keep,
        choice=RecordsChoice(channel_priority=channel_priority, exclude_newer=exclude_newer, offline=offline),
        metadata=metadata,
    )
    progress, store = make_progress(quiet=quiet), default_store(os.environ)
    writes = not dry_run and not only_check
    done: list[tuple[Environment, LockPlan]] = []
    for environment in environments:
        plan = plan_lock(environment, request, store=store, progress=progress)
        if writes:
            write_plan(plan, environment)
            _check(environment)
        if not as_json:
            _show(environment, plan, progress, wrote=writes)
        done.append((environment, plan))
    if as_json:
        described: list[Json] = [_describe(environment, plan, wrote=writes) for environment, plan in done]
        click.echo(encode_json({"schema": 1, "environments": described}))
    stale = [(environment, plan) for environment, plan in done if plan.changes]
    if only_check and stale:
        count = sum(len(plan.changes) for _, plan in stale)
        where = ", ".join(str(environment.lock_path) for environment, _ in stale)
        raise CheckFailed(f"a new solve changes {count} packages", where)


def _choose(settings: Settings, names: tuple[str, ...]) -> list[Environment]:
    """Return the environments of these names, or all that have a lock: the lowest layers first."""
    if names:
        return [find_environment(settings, name) for name in names]
    locked = [environment for environment in list_environments(settings) if environment.lock_path.is_file()]
    if not locked:
        raise WrongUse("there is no lock to make anew: name an ENVIRONMENT")
    return sorted(locked, key=lambda environment: len(environment.layers))


def _check(environment: Environment) -> None:
    for finding in check_lock(environment):
        raise CheckFailed(finding.what, finding.where, finding.fix)


def _describe(environment: Environment, plan: LockPlan, *, wrote: bool) -> dict[str, Json]:
    return {
        "environment": environment.name,
        "lock": str(environment.lock_path),
        "written": wrote,
        "packages": dict(_count(plan)),
        "changes": changes_as_json(plan.changes),
        "reasons": reasons_as_json(plan),
    }


def _count(plan: LockPlan) -> dict[str, int]:
    return {platform: len(plan.lock.packages_for(platform)) for platform in plan.lock.platforms}


def _show(environment: Environment, plan: LockPlan, progress: Progress, *, wrote: bool) -> None:
    counts = _count(plan)
    if plan.previous is not None:
        print_changes(plan.changes, len(counts))
    for sentence in explain_changes(plan):
        progress.say(sentence)
    each = ", ".join(f"{count} on {platform}" for platform, count in counts.items())
    if plan.lock == plan.previous and plan.spec_text is None:
        progress.say(f"{environment.lock_path} is as it was: {each}")
        return
    progress.say(f"{'wrote' if wrote else 'would write'} {environment.lock_path}: {each}")
