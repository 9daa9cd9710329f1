"""``bindery verify``: what is installed, or in an image or a SIF, against what the lock makes."""

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
_PATHS = ("/", "./", "../", "~/")


@click.command()
@click.argument("target", metavar="TARGET")
@click.option(
    "--of",
    "source",
    metavar="ENVIRONMENT|FOLDER|URL",
    help="What the image must be an image of, as it was given to `bindery build`. Default: the environment that it "
    "says it holds.",
)
@packages_option
@python_option
@click.option("--repo-dir", metavar="PATH", help="As for `bindery build`.")
@click.option("--subdir", default="", metavar="FOLDER", help="As for `bindery build`.")
@click.option("--user-id", type=click.IntRange(min=1), default=1000, show_default=True, help="As for `bindery build`.")
@click.option("--user-name", default="jovyan", show_default=True, help="As for `bindery build`.")
@click.option("--platform", type=click.Choice(["linux-64", "linux-aarch64"]), help="As for `bindery build`.")
@json_option
@quiet_option
def command(  # noqa: PLR0913 - one parameter for each option
    *,
    target: str,
    source: str | None,
    packages: PackagesChoice,
    interpreter: str | None,
    repo_dir: str | None,
    subdir: str,
    user_id: int,
    user_name: str,
    platform: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Compare what is installed, an image, or a SIF with what its lock makes. Status 1 if anything differs.

    TARGET is an environment (pangeo) or a release of it (pangeo@2025.08.14) that is installed, or the path of a
    prefix (./prefix): every file is read, every bytecode file compiled again.

    Or it is an image: in the store (pangeo:2025.08.14, or what `bindery build` printed), in an OCI layout
    (oci:FOLDER[:NAME]), in a registry (docker://HOST/NAME[:TAG]), of a Docker engine (docker-daemon:NAME), or the
    files of a container (container:NAME). Every file of every layer is compared with the environment's lock, the base
    that base.lock names, and the repository; so are the settings. What the image says of itself proves nothing.

    Or it is a Singularity file (pangeo.sif): every file in it, its header and its metadata are compared with what
    `bindery sif` makes of that image. Signatures are left alone.
    """
    progress = make_progress(quiet=quiet)
    is_file = Path(target).is_file()
    if not is_file and (":" not in target or target.startswith(_PATHS)):
        return _verify_prefix(target, packages, interpreter, progress, as_json=as_json, quiet=quiet)
    from bindery.cli.verify_image import ImageRequest, verify_target  # noqa: PLC0415 - not for --help
    from bindery.cli.verify_sif import verify_sif_file  # noqa: PLC0415

    request = ImageRequest(
        target=target,
        source=source,
        packages=packages,
        interpreter=interpreter,
        repo_dir=repo_dir or "",
        subdir=subdir,
        user=(user_name, user_id),
        platform=platform or host_platform(),
    )
    verify = verify_sif_file if is_file else verify_target
    return verify(request, progress, as_json=as_json, quiet=quiet)


def _verify_prefix(
    target: str,
    packages: PackagesChoice,
    interpreter: str | None,
    progress: Progress,
    *,
    as_json: bool,
    quiet: bool,
) -> int:
    from bindery.prefixes import verify_prefix  # noqa: PLC0415 - help comes without its seconds

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
