"""An image whose last steps run in a Docker engine, as repo2docker's own engine builds: through ``docker buildx``.

The engine ``oci`` lays base, environment and repository, so the lock is installed by the same code and gives the same
files; that image is loaded, and a Dockerfile of the steps that have to run is built upon it.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import tarfile
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from repo2docker.engine import BuildError
from repo2docker.utils import R2dState

from bindery.core import BinderyError, ToolFailed
from bindery.images.docker_engine.load import load_image
from bindery.images.docker_engine.run_steps import ca_secret, render_dockerfile, secret_ids, split_run_steps
from bindery.images.layout import store_layout

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from repo2docker.docker import DockerEngine

    from bindery.core import Progress, Store
    from bindery.images.buildpack.making import MakingOptions
    from bindery.images.buildpack.values import BuildValues
    from bindery.images.docker_engine.run_steps import RunSteps
    from bindery.images.layout import Image

BEFORE = "bindery/before-run"
"""What images are called, in the store and in the engine, on which commands have not yet run."""
LAST_LINES = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class DockerOrder:
    """What repo2docker asks its engine for, beside the image: as keywords of ``DockerEngine.build``."""

    name: str
    build_args: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, object] = field(default_factory=dict)


def build_with_docker(
    client: DockerEngine,
    values: BuildValues,
    order: DockerOrder,
    options: MakingOptions,
    *,
    store: Store,
    progress: Progress,
) -> Iterator[str]:
    """Have the engine make the image, and give the lines of its log.

    Raises:
        BuildError: it cannot be made; its cause is our error, and repo2docker's log says why.

    """
    from bindery.images.buildpack.making import (  # noqa: PLC0415 - brings everything that makes images
        is_apt_on_top,
        make_image,
    )

    try:
        still, steps = split_run_steps(values, apt_on_top=is_apt_on_top(values, options))
        name = f"{BEFORE}:{re.sub('[^A-Za-z0-9._-]', '-', order.name)[-128:].lstrip('.-')}"
        # Whatever the version of the engine, it reads gzip; and it does not keep layers compressed.
        packed = replace(options, compression="gzip")
        image = make_image(still, name, packed, layout=store_layout(store), store=store, progress=progress)
        yield from build_upon(client, image, steps, order, progress=progress)
    except BinderyError as error:
        client.log.error("%s\n", error, extra={"phase": R2dState.FAILED})  # noqa: TRY400 - our errors say it all
        raise BuildError(str(error)) from error


def build_upon(
    client: DockerEngine, image: Image, steps: RunSteps, order: DockerOrder, *, progress: Progress
) -> Iterator[str]:
    """Have the engine run the steps on top of the image, and give the lines of its log.

    Raises:
        BadInput: a secret has an id that cannot be the name of a file.
        ToolFailed: there is no engine, or a command inside the image failed.

    """
    below = f"{BEFORE}:{image.digest.hex[:32]}"
    load_image(image, below, environ=os.environ, progress=progress)
    given = client.extra_buildx_build_args
    arguments = [*_builder(client), *ca_secret(os.environ), *given]
    dockerfile = render_dockerfile(steps, below, secret_ids(arguments))
    client.extra_buildx_build_args = arguments
    try:
        yield from _watched(
            client.build(
                **order.extra,
                tag=order.name,
                buildargs=dict(order.build_args),
                custom_context=True,
                fileobj=_context(dockerfile),
            )
        )
    finally:
        client.extra_buildx_build_args = given


def _builder(client: DockerEngine) -> list[str]:
    """Return what chooses the engine itself as builder: any other would not find the image below."""
    return ["--builder", "default"] if client.container_cli == "docker" else []


def _watched(lines: Iterator[str]) -> Iterator[str]:
    """Give the lines; a failure says what the last of them were."""
    last: deque[str] = deque(maxlen=LAST_LINES)
    try:
        for line in lines:
            last.append(line.rstrip("\n"))
            yield line
    except subprocess.CalledProcessError as error:
        said = "".join(f"\n  | {line}" for line in last)
        raise ToolFailed(f"ended with status {error.returncode}{said}", "docker buildx build") from error


def _context(dockerfile: str) -> io.BytesIO:
    """Return the archive of a folder that has a Dockerfile and nothing else: the rest is in the image below."""
    data = dockerfile.encode()
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        member = tarfile.TarInfo("Dockerfile")
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))
    archive.seek(0)
    return archive
