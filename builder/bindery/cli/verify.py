"""``bindery verify``: what is installed, against what the lock makes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bindery.cli.display import make_progress
from bindery.cli.options import json_option, packages_option, python_option, quiet_option
from bindery.core import BadInput, Json, default_store, encode_json, host_platform, read_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bindery.core import Progress, Store
    from bindery.environments import PackagesChoice, Realised
    from bindery.prefixes import Finding

SHOWN = 50


@click.command()
@click.argument("target", metavar="ENVIRONMENT[@RELEASE]|PREFIX")
@packages_option
@python_option
@json_option
@quiet_option
def command(*, target: str, packages: PackagesChoice, interpreter: str | None, as_json: bool, quiet: bool) -> int:
    """Compare an installed ENVIRONMENT, or the PREFIX at a path, with the tree that its lock makes.

    Every file is read, every bytecode file compiled again. Status 1 if anything differs.
    """
    from bindery.prefixes import verify_prefix  # noqa: PLC0415 - help comes without its seconds

    progress = make_progress(quiet=quiet)
    path, realised, store = _find(target, packages, interpreter, progress)
    findings = verify_prefix(path, realised, store=store, progress=progress)
    if as_json:
        click.echo(encode_json(_document(path, realised, findings), indent=1).decode())
    elif findings:
        _print_table(findings)
    if not quiet:
        count = f"{len(findings)} differences" if findings else "as the lock makes it"
        click.echo(f"{realised.label}: {path}: {count}", err=True)
    return 1 if findings else 0


def _find(
    target: str, packages: PackagesChoice, interpreter: str | None, progress: Progress
) -> tuple[Path, Realised, Store]:
    from bindery.environments import find_installable, realise  # noqa: PLC0415 - as above
    from bindery.prefixes import prefix_path, read_record  # noqa: PLC0415

    if os.sep in target:
        path = Path(target).absolute()
        return path, *read_record(path)
    store = default_store(os.environ)
    realised = realise(
        find_installable(read_settings(Path.cwd()), target),
        packages=packages,
        interpreter=interpreter,
        platform=host_platform(),
        store=store,
        progress=progress,
    )
    path = prefix_path(realised, store)
    if not path.is_dir():
        raise BadInput("is not installed", realised.label, f"bindery install {target}")
    return path, realised, store


def _document(path: Path, realised: Realised, findings: Sequence[Finding]) -> Json:
    return {
        "schema": 1,
        "label": realised.label,
        "prefix": str(path),
        "lock": str(realised.digest),
        "findings": [
            {"package": item.package or None, "path": item.path, "what": item.what, "detail": item.detail}
            for item in findings
        ],
    }


def _print_table(findings: Sequence[Finding]) -> None:
    rows = [(item.what, item.package or "-", item.path, item.detail) for item in findings[:SHOWN]]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        padded = [text.ljust(width) for text, width in zip(row[:3], widths, strict=True)]
        click.echo("  ".join([*padded, row[3]]))
    if len(findings) > SHOWN:
        click.echo(f"and {len(findings) - SHOWN} more (all of them with --json)")
