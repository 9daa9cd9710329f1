"""The part of ``bindery verify`` that is about images and containers."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import click

from bindery.cli.tables import print_table
from bindery.cli.targets import project_settings
from bindery.core import BadInput, default_store, encode_json
from bindery.images import BuildRequest, MakingOptions, Place, User, describe_build, parse_source, parse_target
from bindery.images.verify import expect_image, open_image, verify_image

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bindery.core import Json, Progress
    from bindery.environments import PackagesChoice
    from bindery.images.verify import ImageFinding

SHOWN = 50
_ENVIRONMENT, _RELEASE, _PACKAGES = "bindery.environment", "bindery.release", "bindery.packages"


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageRequest:
    """What is verified, and what it must be an image of: None for the environment that it says it holds."""

    target: str
    source: str | None
    packages: PackagesChoice
    interpreter: str | None
    repo_dir: str
    subdir: str
    user: tuple[str, int]
    platform: str


def verify_target(request: ImageRequest, progress: Progress, *, as_json: bool, quiet: bool) -> int:
    """Print where the image differs, and return 1 if it does, else 0.

    Raises:
        BadInput: there is no such image, or nobody knows what it must be.
        ToolFailed: the registry, the engine or the disk failed.

    """
    store = default_store(os.environ)
    with open_image(parse_target(request.target), store, os.environ, request.platform) as opened:
        source = request.source or named_source(opened.labels, request.target)
        described = describe_build(build_request(request, source, opened.labels), store=store, progress=progress)
        expected = expect_image(described, progress=progress)
        findings = verify_image(opened.source, expected, progress=progress)
    lock = str(expected.linked.lock_digest)
    if as_json:
        document: Json = {
            "schema": 1,
            "label": expected.linked.label,
            "image": request.target,
            "digest": opened.digest or None,
            "of": source,
            "lock": lock,
            "base": str(described.parts.base.descriptor.digest),
            "complete": expected.is_complete,
            "findings": findings_as_json(findings),
        }
        click.echo(encode_json(document, indent=1).decode())
    else:
        show_findings(findings)
    if not quiet:
        count = f"{len(findings)} differences" if findings else "as the lock makes it"
        part = "" if expected.is_complete else " (but not in everything: commands ran in it afterwards)"
        click.echo(f"{source}: {request.target}: {count}{part}", err=True)
    return 1 if findings else 0


def named_source(labels: Mapping[str, str], target: str) -> str:
    """Return the environment that the image says it holds; whether it does is what is found out.

    Raises:
        BadInput: it says nothing of the kind.

    """
    name, release = labels.get(_ENVIRONMENT), labels.get(_RELEASE)
    if not name:
        raise BadInput("does not say which environment it holds", target, "--of ENVIRONMENT, or --of FOLDER")
    return f"{name}@{release}" if release else name


def build_request(request: ImageRequest, source: str, labels: Mapping[str, str]) -> BuildRequest:
    """Return the build whose image this must be.

    Raises:
        BadInput: there is no such environment, release or folder.

    """
    packages = request.packages
    said = labels.get(_PACKAGES)
    if packages == "auto" and said is not None:
        packages = "wheels" if said == "wheels" else "conda-forge"
    name, uid = request.user
    return BuildRequest(
        source=parse_source(source, cache(project_settings)),
        name="bindery/verified:latest",
        making=MakingOptions(packages=None if packages == "auto" else packages, interpreter=request.interpreter),
        place=Place(user=User(name=name, uid=uid), repository=request.repo_dir),
        subdir=request.subdir,
        platform=request.platform,
    )


def show_findings(findings: Sequence[ImageFinding]) -> None:
    """Print the first of them as a table."""
    rows = [
        tuple(map(_plain, (one.what, one.package or "-", one.path or "-", one.layer or "-", one.detail)))
        for one in findings[:SHOWN]
    ]
    if rows:
        print_table(("what", "package", "path", "layer", "detail"), rows)
    if len(findings) > SHOWN:
        click.echo(f"and {len(findings) - SHOWN} more (all of them with --json)")


def _plain(text: str) -> str:
    # Names in an archive may hold codes that a terminal obeys.
    return text if text.isprintable() else repr(text)[1:-1]


def findings_as_json(findings: Sequence[ImageFinding]) -> Json:
    """Return the findings as a JSON list."""
    return [
        {
            "package": finding.package or None,
            "path": finding.path or None,
            "layer": finding.layer or None,
            "what": finding.what,
            "detail": finding.detail,
        }
        for finding in findings
    ]
