"""``bindery check``: locks are current, releases are untouched; with options, more than can be seen at once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bindery.cli.display import make_progress
from bindery.cli.options import json_option, mirror_option, quiet_option
from bindery.core import BinderyError, CheckFailed, default_store, encode_json, read_settings
from bindery.environments import (
    DeepCheck,
    DeepRequest,
    check_deeply,
    check_environment,
    find_environment,
    list_environments,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bindery.core import Json
    from bindery.environments import EnvironmentCheck
    from bindery.environments.advisories import Advisory, AffectedPackage
    from bindery.environments.updates import Update


@click.command("check")
@click.argument("names", metavar="[ENVIRONMENT]...", nargs=-1)
@click.option("--solve", is_flag=True, help="Solve anew, and say whether the lock would change; nothing is written.")
@click.option("--urls", is_flag=True, help="Ask every URL of the lock whether it answers.")
@click.option(
    "--advisories",
    type=click.Path(path_type=Path),
    help="Look for packages with known faults in these OSV records: a JSON file, a zip or a folder of them.",
)
@mirror_option
@json_option
@quiet_option
def command(  # noqa: PLR0913 - click hands over one argument an option
    *,
    names: tuple[str, ...],
    solve: bool,
    urls: bool,
    advisories: Path | None,
    mirrors: dict[str, str],
    as_json: bool,
    quiet: bool,
) -> None:
    """Check that locks were solved for the specs as they are, and that releases are as they were published.

    Without names, every environment of the project is checked. Without options, nothing is solved or fetched. The exit
    code is 1 if anything was found.
    """
    settings = read_settings(Path.cwd())
    environments = [find_environment(settings, name) for name in names] or list_environments(settings)
    checks = [check_environment(environment) for environment in environments]
    deep = [DeepCheck()] * len(checks)
    if solve or urls or advisories is not None:
        request = DeepRequest(solve=solve, urls=urls, advisories=_read(advisories), mirrors=mirrors)
        store, progress = default_store(os.environ), make_progress(quiet=quiet)
        deep = [check_deeply(environment, request, store=store, progress=progress) for environment in environments]
    both = list(zip(checks, deep, strict=True))
    if as_json:
        click.echo(encode_json({"schema": 1, "environments": [_as_json(*one) for one in both]}))
    else:
        _show(both)
    failed = sum(bool(check.findings or more.findings) for check, more in both)
    if failed:
        raise CheckFailed(f"{failed} of {len(checks)} environments are not as they should be")


def _read(path: Path | None) -> tuple[Advisory, ...] | None:
    if path is None:
        return None
    # JSON, zips, and the orders of versions: nothing that a plain check needs.
    from bindery.environments.advisories import read_advisories  # noqa: PLC0415

    return read_advisories(path)


def _show(both: Sequence[tuple[EnvironmentCheck, DeepCheck]]) -> None:
    for check, more in both:
        findings = (*check.findings, *more.findings)
        for finding in findings:
            click.echo(f"{check.name}: {BinderyError(finding.what, finding.where, finding.fix)}")
        if not findings:
            lock = f"lock of {check.packages} packages on {check.platforms} platforms is current"
            parts = [lock] if check.packages else ["no lock"]
            parts += [f"releases unchanged: {check.releases}"] if check.releases else []
            parts += [f"pins in {', '.join(check.wheels)}"] if check.wheels else []
            click.echo(f"{check.name}: {'; '.join((*parts, *more.statements))}")
        for note in check.notes:
            click.echo(f"{check.name}: {note}")


def _as_json(check: EnvironmentCheck, more: DeepCheck) -> Json:
    findings = (*check.findings, *more.findings)
    return {
        "name": check.name,
        "platforms": check.platforms,
        "packages": check.packages,
        "releases": check.releases,
        "wheels": list(check.wheels),
        "notes": [*check.notes, *more.statements],
        "findings": [{"where": finding.where, "what": finding.what, "fix": finding.fix} for finding in findings],
        "affected": [_affected_as_json(*both) for both in more.affected],
    }


def _affected_as_json(one: AffectedPackage, update: Update) -> Json:
    return {
        "name": one.name,
        "manager": one.manager,
        "version": one.version,
        "platforms": list(one.platforms),
        "advisories": [advisory.id for advisory in one.advisories],
        "undecided": [advisory.id for advisory in one.undecided],
        "update": update.version,
        "update_known_from": update.known_from,
        "update_fits": update.fits,
    }
