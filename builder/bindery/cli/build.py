"""``bindery build``: an environment, a folder or a repository becomes an image."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click
from click.core import ParameterSource

from bindery import __version__
from bindery.cli.display import make_progress
from bindery.cli.options import json_option, mirror_option, python_option, quiet_option
from bindery.cli.tables import print_table
from bindery.cli.targets import project_settings
from bindery.core import WrongUse, default_store, encode_json, host_platform

if TYPE_CHECKING:
    from bindery.core import Json, Progress, Store
    from bindery.images import BuildPlan, BuildRequest, Compression, Image, MakingOptions

MEGABYTE = 1_000_000
_NOT_OF_BUILDER = frozenset(
    {"target", "engine", "keep_base", "repo_dir", "subdir", "user_id", "user_name", "platform", "dry_run"}
)


@click.command("build")
@click.argument("target", default=".")
@click.option(
    "--engine",
    type=click.Choice(["oci", "docker"]),
    default="oci",
    show_default=True,
    help="oci: into the store, with no daemon and no root. docker: through buildx, for what has to run in the image.",
)
@click.option(
    "--packages",
    type=click.Choice(["conda-forge", "wheels"]),
    help="Where packages come from; needed where the environment has files for both.",
)
@python_option
@mirror_option
@click.option(
    "--base",
    metavar="BASE",
    help="The image below the environment: debian:bookworm, docker://HOST/NAME or oci:FOLDER. Default: base.lock's.",
)
@click.option("--update-base", is_flag=True, help="Take the base as it is today, and write base.lock anew.")
@click.option(
    "--keep-base",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Put the base at PATH as well, a folder or a .tar file: for --base oci:PATH, when mirrors have gone on.",
)
@click.option(
    "--compression",
    type=click.Choice(["zstd", "gzip"]),
    default="zstd",
    show_default=True,
    help="How layers are packed. gzip: larger and slower, for Docker before 23 and containerd before 1.5.",
)
@click.option("--tag", "-t", "name", metavar="NAME[:TAG]", help="What the image is called. Default: as TARGET is.")
@click.option("--push", is_flag=True, help="Push it afterwards, to the registry that --tag names.")
@click.option("--repo-dir", metavar="PATH", help="Where the repository is in the image. Default: the user's home.")
@click.option("--subdir", default="", metavar="FOLDER", help="Take this folder of the repository.")
@click.option("--user-id", type=click.IntRange(min=1), default=1000, show_default=True, help="The user's number.")
@click.option("--user-name", default="jovyan", show_default=True, help="The user's name.")
@click.option("--platform", type=click.Choice(["linux-64", "linux-aarch64"]), help="Default: this machine's.")
@click.option("--builder-image", is_flag=True, help="Instead of TARGET: Bindery itself, for BinderHub's build_image.")
@click.option("--dry-run", is_flag=True, help="Print the plan, layer by layer, and make nothing.")
@json_option
@quiet_option
def command(  # noqa: PLR0913 - one parameter for each option
    *,
    target: str,
    engine: Literal["oci", "docker"],
    packages: Literal["conda-forge", "wheels"] | None,
    interpreter: str | None,
    mirrors: dict[str, str],
    base: str | None,
    update_base: bool,
    keep_base: Path | None,
    compression: Compression,
    name: str | None,
    push: bool,
    repo_dir: str | None,
    subdir: str,
    user_id: int,
    user_name: str,
    platform: str | None,
    builder_image: bool,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Make an image of TARGET, and print its name with its digest: NAME:TAG@sha256:…

    TARGET is an environment (pangeo) or a release of it (pangeo@2025.08.14), with the project's notebooks; a folder
    (./ocean) or a repository's URL (https://example.org/ocean@main) with a conda-lock.yml or wheels-*.txt in binder/,
    .binder/ or its root. repo2docker's other files there are honoured: start, apt.txt, .dockerignore; postBuild needs
    --engine docker. Without TARGET it is the folder that you are in.

    The image is a function of lock, base and repository: the same bytes on any machine. What has not changed is not
    made again.

    \b
    image=$(bindery build pangeo --packages wheels)
    bindery build . --tag localhost:5000/ocean:2026.11.22 --push
    """  # noqa: D301, D400 - Click looks for the character itself, which keeps the lines below it apart
    from bindery.images import (  # noqa: PLC0415 - not for --help
        BuildRequest,
        MakingOptions,
        Place,
        User,
        build_image,
        build_in_docker,
        check_name,
        parse_source,
        plan_build,
    )

    store, progress = default_store(os.environ), make_progress(quiet=quiet)
    making = MakingOptions(
        packages=packages,
        interpreter=interpreter,
        base=base,
        update_base=update_base,
        compression=compression,
        mirrors=mirrors,
    )
    if push and name is None:
        raise WrongUse("--push needs the name of a registry", fix="--tag HOST/NAME:TAG")
    if builder_image:
        _refuse_beside_builder(click.get_current_context())
        _make_builder(name, making, push=push, as_json=as_json, quiet=quiet)
        return
    source = parse_source(target, cache(project_settings))
    request = BuildRequest(
        source=source,
        name=check_name(name or source.default_name),
        engine=engine,
        making=making,
        place=Place(user=User(name=user_name, uid=user_id), repository=repo_dir or ""),
        subdir=subdir,
        platform=platform or host_platform(),
    )
    if dry_run:
        _show_plan(plan_build(request, store=store, progress=progress), as_json=as_json)
        return
    if engine == "docker":
        if push:
            raise WrongUse("--push is for the engine oci", fix=f"afterwards: docker push {request.name}")
        if keep_base:
            raise WrongUse("--keep-base is for the engine oci", fix="--engine oci")
        click.echo(f"{request.name}@{build_in_docker(request, store=store, progress=progress)}")
        return
    made = build_image(request, store=store, progress=progress)
    if keep_base:
        _keep_base(made, keep_base)
    if push:
        _push(made, request, progress)
    click.echo(_as_json(made, request, store) if as_json else f"{request.name}@{made.digest}")


def _refuse_beside_builder(ctx: click.Context) -> None:
    given = [
        param.human_readable_name if isinstance(param, click.Argument) else param.opts[0]
        for param in ctx.command.params
        if param.name in _NOT_OF_BUILDER and ctx.get_parameter_source(param.name) is ParameterSource.COMMANDLINE
    ]
    if given:
        raise WrongUse(f"--builder-image is of Bindery itself, and takes no {', '.join(given)}", fix="leave it out")


def _make_builder(name: str | None, making: MakingOptions, *, push: bool, as_json: bool, quiet: bool) -> None:
    from bindery.images import build_image, check_name  # noqa: PLC0415 - seldom needed
    from bindery.images.docker_engine import builder_request, staged_builder  # noqa: PLC0415

    store, progress = default_store(os.environ), make_progress(quiet=quiet)
    with staged_builder() as folder:
        request = builder_request(folder, check_name(name or f"bindery-builder:{__version__}"), making)
        made = build_image(request, store=store, progress=progress)
    if push:
        _push(made, request, progress)
    click.echo(_as_json(made, request, store) if as_json else f"{request.name}@{made.digest}")


def _keep_base(made: Image, path: Path) -> None:
    from bindery.images.base import export_base_of  # noqa: PLC0415 - seldom needed

    export_base_of(made, path)


def _push(made: Image, request: BuildRequest, progress: Progress) -> None:
    from bindery.images.registry import parse_reference, push_image  # noqa: PLC0415 - seldom needed

    reference = parse_reference(request.name)
    push_image(made.layout, made, reference, [reference.tag or "latest"], progress=progress)


def _as_json(made: Image, request: BuildRequest, store: Store) -> str:
    titles = [entry.created_by for entry in made.config.history if not entry.empty]
    layers: list[Json] = [
        {
            "title": title.removeprefix("bindery: "),
            "digest": str(descriptor.digest),
            "diff_id": str(diff_id),
            "size_bytes": descriptor.size_bytes,
        }
        for title, (descriptor, diff_id) in zip(titles, made.layers, strict=True)
    ]
    document: dict[str, Json] = {
        "schema": 1,
        "image": f"{request.name}@{made.digest}",
        "name": request.name,
        "digest": str(made.digest),
        "config": str(made.config.digest),
        "layout": str(made.layout.root),
        "store": str(store.root),
        "platform": request.platform,
        "annotations": dict(made.manifest.annotations),
        "layers": layers,
        "size_bytes": sum(descriptor.size_bytes for descriptor, _ in made.layers),
    }
    return encode_json(document, indent=1).decode()


def _show_plan(plan: BuildPlan, *, as_json: bool) -> None:
    if as_json:
        layers: list[Json] = [
            {"title": layer.title, "items": layer.items, "size_bytes": layer.size_bytes} for layer in plan.layers
        ]
        document: dict[str, Json] = {
            "schema": 1,
            "name": plan.name,
            "environment": plan.label,
            "platform": plan.platform,
            "packages": plan.packages,
            "lock": plan.lock,
            "base": plan.base,
            "repository": plan.repository,
            "user": plan.user,
            "layers": layers,
        }
        click.echo(encode_json(document, indent=1).decode())
        return
    rows = [
        ["image", plan.name, ""],
        ["environment", f"{plan.label}, {plan.packages}, {plan.platform}", ""],
        ["base", plan.base, ""],
        ["repository in", plan.repository, plan.user],
        *(
            [f"layer {layer.title}", str(layer.items) if layer.items else "", _size(layer.size_bytes)]
            for layer in plan.layers
        ),
    ]
    print_table(["what", "how many", "archives"], rows)


def _size(size_bytes: int | None) -> str:
    return "not known" if size_bytes is None else f"{size_bytes / MEGABYTE:.1f} MB"
