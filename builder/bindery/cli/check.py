"""``bindery check``: locks are current, releases are untouched."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bindery.cli.options import json_option
from bindery.core import BinderyError, CheckFailed, encode_json, read_settings
from bindery.environments import check_environment, find_environment, list_environments

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bindery.core import Json
    from bindery.environments import EnvironmentCheck


@click.command("check")
@click.argument("names", metavar="[ENVIRONMENT]...", nargs=-1)
@json_option
def command(*, names: tuple[str, ...], as_json: bool) -> None:
    """Check that locks were solved for the specs as they are, and that releases are as they were published.

    Without names, every environment of the project is checked.
    """
    settings = read_settings(Path.cwd())
    environments = [find_environment(settings, name) for name in names] or list_environments(settings)
    checks = [check_environment(environment) for environment in environments]
    if as_json:
        click.echo(encode_json({"schema": 1, "environments": [_as_json(check) for check in checks]}))
    else:
        _show(checks)
    failed = sum(bool(check.findings) for check in checks)
    if failed:
        raise CheckFailed(f"{failed} of {len(checks)} environments are not as they should be")


def _show(checks: Sequence[EnvironmentCheck]) -> None:
    for check in checks:
        for finding in check.findings:
            click.echo(f"{check.name}: {BinderyError(finding.what, finding.where, finding.fix)}")
        if not check.findings:
            lock = f"lock of {check.packages} packages on {check.platforms} platforms is current"
            parts = [lock] if check.packages else ["no lock"]
            parts += [f"releases unchanged: {check.releases}"] if check.releases else []
            parts += [f"pins in {', '.join(check.wheels)}"] if check.wheels else []
            click.echo(f"{check.name}: {'; '.join(parts)}")


def _as_json(check: EnvironmentCheck) -> Json:
    return {
        "name": check.name,
        "platforms": check.platforms,
        "packages": check.packages,
        "releases": check.releases,
        "wheels": list(check.wheels),
        "findings": [{"where": finding.where, "what": finding.what, "fix": finding.fix} for finding in check.findings],
    }
