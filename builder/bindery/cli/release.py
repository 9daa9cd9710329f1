"""``bindery release``: publish a lock once and for ever, build it anew, or withdraw it."""

from __future__ import annotations

import datetime as dt
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bindery.cli.display import make_progress
from bindery.cli.options import json_option, python_option, quiet_option
from bindery.core import BadInput, Json, WrongUse, default_store, encode_json, host_platform, parse_json, read_settings

if TYPE_CHECKING:
    from bindery.core import Progress
    from bindery.environments import Environment, Lock, PackagesSource, ReleasedNotebook, ReleasePlan


@click.command("release")
@click.argument("target", metavar="ENVIRONMENT[@RELEASE]")
@click.option(
    "--packages",
    type=click.Choice(["conda-forge", "wheels"]),
    help="What is released: the committed lock, or one of wheels. It must be named, so that no network decides it.",
)
@python_option
@click.option("--version", metavar="DATE", help="The version: 2026.11.22. Default: today, in UTC.")
@click.option(
    "--notebooks",
    "results",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="RESULTS",
    help="The results.json of a `bindery test` of this lock: how each notebook fared is part of the release.",
)
@click.option("--rebuild", is_flag=True, help="The same lock once more, for a newer base: 2026.11.22-1.")
@click.option("--withdraw", is_flag=True, help="Mark the release as withdrawn: who installs it reads the reason.")
@click.option("--reason", metavar="TEXT", help="Why it is withdrawn.")
@click.option("--instead", metavar="RELEASE", help="What to use instead of the withdrawn release.")
@click.option("--dry-run", is_flag=True, help="Show what would be released, and write nothing.")
@json_option
@quiet_option
def command(  # noqa: PLR0913 - click hands over one argument an option
    *,
    target: str,
    packages: PackagesSource | None,
    interpreter: str | None,
    version: str | None,
    results: Path | None,
    rebuild: bool,
    withdraw: bool,
    reason: str | None,
    instead: str | None,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Publish ENVIRONMENT's lock as environments/ENVIRONMENT/releases/DATE, once and for ever.

    The release has the lock, an explicit list for each platform, what changed since the last release in words, and
    all that is needed to install it: bindery install ENVIRONMENT@DATE. Its name is printed. `bindery check` fails if
    one of its files is changed.
    """
    # Help comes without the imports of everything that reads locks.
    from bindery.environments import find_environment  # noqa: PLC0415

    progress = make_progress(quiet=quiet)
    name, _, of = target.partition("@")
    environment = find_environment(read_settings(Path.cwd()), name)
    if withdraw:
        refuse_others("--withdraw", packages=packages, python=interpreter, version=version, notebooks=results)
        if rebuild or dry_run:
            raise WrongUse("--withdraw takes neither --rebuild nor --dry-run")
        return show_withdrawal(environment, of, reason, instead, progress, as_json=as_json)
    if reason or instead:
        raise WrongUse("--reason and --instead are for --withdraw")
    if rebuild:
        refuse_others("--rebuild", packages=packages, python=interpreter, version=version)
        plan = make_rebuild(environment, of or None, results)
    else:
        if of:
            raise WrongUse(f"{target} is a release already", fix=f"release {name}, or add --rebuild or --withdraw")
        plan = make_plan(environment, packages, interpreter, version, results, progress)
    return publish(environment, plan, progress, dry_run=dry_run, as_json=as_json)


def refuse_others(option: str, **others: object) -> None:
    """Refuse options beside one that decides all of them.

    Raises:
        WrongUse: one is given.

    """
    for name, value in others.items():
        if value is not None:
            raise WrongUse(f"{option} does not take --{name}")


def today() -> dt.date:
    """Return the day, in UTC; ``SOURCE_DATE_EPOCH`` decides it where it is set."""
    seconds = os.environ.get("SOURCE_DATE_EPOCH", "")
    return dt.datetime.fromtimestamp(int(seconds) if seconds.isdigit() else time.time(), dt.UTC).date()


def make_plan(
    environment: Environment,
    packages: PackagesSource | None,
    interpreter: str | None,
    version: str | None,
    results: Path | None,
    progress: Progress,
) -> ReleasePlan:
    """Return the release of the committed lock, or of a lock of wheels.

    Raises:
        WrongUse: nobody says which of the two.

    """
    from bindery.environments import plan_release, read_lock, realise  # noqa: PLC0415 - as above

    if packages is None:
        raise WrongUse("a release says where its packages come from", fix="add --packages conda-forge, or wheels")
    if packages == "wheels":
        store, platform = default_store(os.environ), host_platform()
        realised = realise(
            environment, packages=packages, interpreter=interpreter, platform=platform, store=store, progress=progress
        )
        lock = realised.lock
    else:
        refuse_others("--packages conda-forge", python=interpreter)
        lock = read_lock(environment.lock_path, environment.fix)
    return plan_release(
        environment,
        lock,
        version=version or today().strftime("%Y.%m.%d"),
        packages=packages,
        notebooks=read_notebooks(results, environment, lock, packages),
    )


def make_rebuild(environment: Environment, of: str | None, results: Path | None) -> ReleasePlan:
    """Return the rebuild of the release, or of the last one."""
    from dataclasses import replace  # noqa: PLC0415 - as above

    from bindery.environments import (  # noqa: PLC0415
        find_release,
        plan_rebuild,
        read_released_lock,
        released_environment,
    )

    plan = plan_rebuild(environment, of, date=today())
    if results is None or plan.previous is None:
        return plan
    published = find_release(environment, plan.previous)
    released = released_environment(published)
    notebooks = read_notebooks(results, released, read_released_lock(published), plan.release.packages)
    return replace(plan, release=replace(plan.release, notebooks=notebooks))


def read_notebooks(
    path: Path | None, environment: Environment, lock: Lock, packages: PackagesSource
) -> tuple[ReleasedNotebook, ...] | None:
    """Return how the notebooks fared; None if no results are given.

    Raises:
        BadInput: the file is no results.json, or is one of another environment or lock, or of other wheels.

    """
    if path is None:
        return None
    from bindery.notebooks.released import released_notebooks  # noqa: PLC0415 - papermill and more
    from bindery.notebooks.report import parse_results  # noqa: PLC0415

    try:
        document = parse_json(path.read_bytes())
    except ValueError as error:
        raise BadInput(f"is not JSON: {error}", str(path)) from error
    run = parse_results(document, str(path))
    found = released_notebooks(run, environment=environment.name, lock=lock, packages=packages, where=str(path))
    if run.packages != packages:
        from bindery.environments.wheels import refuse_other_pins  # noqa: PLC0415 - the substitute's own

        refuse_other_pins(environment, python=run.python, versions=run.versions, where=str(path))
    return found


def publish(environment: Environment, plan: ReleasePlan, progress: Progress, *, dry_run: bool, as_json: bool) -> None:
    """Write the release, unless it is only to be shown, and print its name."""
    from bindery.environments import write_release  # noqa: PLC0415 - as above

    release = plan.release
    folder = environment.releases_folder / release.version
    if not dry_run:
        write_release(environment, plan)
    name = f"{environment.name}@{release.version}"
    if as_json:
        document: dict[str, Json] = {
            "schema": 1,
            "release": name,
            "folder": str(folder),
            "written": not dry_run,
            "previous": plan.previous,
            "packages": release.packages,
            "locks": {one.platform: str(one.digest) for one in release.locks},
            "files": {path: str(digest) for path, digest in release.files},
            "notebooks": None
            if release.notebooks is None
            else {one.name: {"verdict": one.verdict, "packages": one.packages} for one in release.notebooks},
            "changes": plan.changes,
        }
        click.echo(encode_json(document, indent=1))
        return
    for line in plan.changes.splitlines()[:3]:
        progress.say(line.removeprefix("# ")) if line else None
    for one in release.notebooks or ():
        progress.say(f"{one.name}: {one.verdict}, {one.cells} cells, on {one.packages}, Python {one.python}")
    progress.say(f"{'would write' if dry_run else 'wrote'} {folder}")
    click.echo(name)


def show_withdrawal(
    environment: Environment,
    version: str,
    reason: str | None,
    instead: str | None,
    progress: Progress,
    *,
    as_json: bool,
) -> None:
    """Withdraw the release and print its name.

    Raises:
        WrongUse: no release is named, or no reason is given.

    """
    from bindery.environments import Withdrawal, withdraw_release  # noqa: PLC0415 - as above

    if not version:
        raise WrongUse("name the release that is withdrawn", fix=f"bindery release --withdraw {environment.name}@DATE")
    if not reason or not reason.strip():
        raise WrongUse("who installs a withdrawn release wants to know why", fix="add --reason TEXT")
    instead = instead.removeprefix(f"{environment.name}@") if instead else None
    withdrawal = Withdrawal(date=today(), reason=" ".join(reason.split()), instead=instead)
    withdraw_release(environment, version, withdrawal)
    name = f"{environment.name}@{version}"
    if as_json:
        document: dict[str, Json] = {
            "schema": 1,
            "release": name,
            "withdrawn": {
                "date": withdrawal.date.isoformat(),
                "reason": withdrawal.reason,
                "instead": withdrawal.instead,
            },
        }
        click.echo(encode_json(document, indent=1))
        return
    progress.say(f"{name} is withdrawn: {withdrawal.reason}")
    click.echo(name)
