"""``bindery build``: an environment, a folder or a repository becomes an image, through repo2docker.

repo2docker fetches, finds the files that configure the image, and picks the buildpack; our engine makes the image of
what our buildpack hands over. What it handed over for a folder is remembered, so that it is asked once. An image that
was made before, of the same inputs, is only named again.
"""

from __future__ import annotations

import atexit
import os
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bindery.core import BadInput, ToolFailed, WrongUse, host_platform, parse_digest, run_process
from bindery.images.buildpack.handed import known_values, remember_values
from bindery.images.buildpack.making import MakingOptions, make_image
from bindery.images.buildpack.runtime_files import Place
from bindery.images.buildpack.sources import EnvironmentSource, FolderSource, GitSource
from bindery.images.buildpack.staging import staged
from bindery.images.layout import store_layout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from repo2docker.engine import ContainerEngine

    from bindery.core import Digest, Progress, Store
    from bindery.images.buildpack.describing import Described
    from bindery.images.buildpack.plan import BuildPlan
    from bindery.images.buildpack.sources import Source
    from bindery.images.buildpack.values import Purpose
    from bindery.images.engine import OciEngine
    from bindery.images.layout import Image

Engine = Literal["oci", "docker"]
ANSWER_TIMEOUT_S = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildRequest:
    """What to build: of which source, called what (``name:tag``), by which engine, where in the image."""

    source: Source
    name: str
    engine: Engine = "oci"
    making: MakingOptions = field(default_factory=MakingOptions)
    place: Place = field(default_factory=Place)
    subdir: str = ""
    platform: str = field(default_factory=host_platform)


def build_image(request: BuildRequest, *, store: Store, progress: Progress) -> Image:
    """Return the image, which the store's layout has under the request's name.

    Raises:
        WrongUse: something would have to run in a container, or it is open where packages come from.
        BadInput: the repository, one of its files, the lock, the base or a package cannot be used.
        ToolFailed: a tool, the network or the disk failed.

    """
    with _found(request) as place:
        known = known_values(request, place, store)
        if known is not None:
            layout = store_layout(store)
            return make_image(known, request.name, request.making, layout=layout, store=store, progress=progress)
        engine = _run_oci(request, place, purpose="make", store=store, progress=progress)
    if engine.made is None or engine.values is None:
        raise ToolFailed("made no image", "the engine oci")
    remember_values(request, engine.values, store)
    return engine.made


def build_in_docker(request: BuildRequest, *, store: Store, progress: Progress) -> Digest:
    """Return the ID of the image, which a Docker engine has under the request's name.

    Raises:
        BadInput: as for ``build_image``.
        ToolFailed: there is no docker or no buildx, or a step failed in it; or as for ``build_image``.

    """
    with _found(request) as place:
        _run(replace(request, engine="docker"), place, purpose="make", store=store, progress=progress)
    asked = ["docker", "image", "inspect", "--format", "{{.Id}}", request.name]
    answer = run_process(asked, env=os.environ, cwd=Path("/"), timeout_s=ANSWER_TIMEOUT_S)
    return parse_digest(answer.stdout.decode().strip())


def plan_build(request: BuildRequest, *, store: Store, progress: Progress) -> BuildPlan:
    """Return what ``build_image`` would make; a repository is fetched for it, packages and base are not.

    Raises:
        WrongUse: only the engine oci plans; or as for ``build_image``.
        BadInput: as for ``build_image``.
        ToolFailed: as for ``build_image``.

    """
    if request.engine != "oci":
        raise WrongUse("only the engine oci knows its layers before it makes them", "--dry-run", "leave it out")
    with _found(request) as place:
        engine = _run_oci(request, place, purpose="plan", store=store, progress=progress)
    if engine.planned is None:
        raise ToolFailed("planned no image", "the engine oci")
    return engine.planned


def describe_build(request: BuildRequest, *, store: Store, progress: Progress) -> Described:
    """Return what the image would be made of, down to every file: what a finished image can be compared with.

    Raises:
        BadInput: there is no base.lock; or as for ``build_image``.
        ToolFailed: as for ``build_image``.

    """
    # Its files are read later, by whoever compares them; until then the repository has to stay where it is.
    kept = ExitStack()
    atexit.register(kept.close)
    place = kept.enter_context(_found(request))
    engine = _run_oci(request, place, purpose="describe", store=store, progress=progress, kept=kept)
    if engine.described is None:
        raise ToolFailed("described no image", "the engine oci")
    return engine.described


@contextmanager
def _found(request: BuildRequest) -> Iterator[Path | str]:
    """Yield the folder of the repository, or the URL that git fetches it from."""
    match request.source:
        case EnvironmentSource():
            with staged(request.source) as folder:
                yield folder
        case FolderSource(folder=folder):
            if request.subdir and not (folder / request.subdir).is_dir():
                raise BadInput(f"there is no folder {request.subdir}", str(folder))
            yield folder
        case GitSource(url=url):
            yield url


def _run_oci(
    request: BuildRequest,
    place: Path | str,
    *,
    purpose: Purpose,
    store: Store,
    progress: Progress,
    kept: ExitStack | None = None,
) -> OciEngine:
    from bindery.images.engine import OciEngine  # noqa: PLC0415 - brings repo2docker

    engine = _run(replace(request, engine="oci"), place, purpose=purpose, store=store, progress=progress, kept=kept)
    assert isinstance(engine, OciEngine)  # noqa: S101 - it was asked for
    return engine


def _run(
    request: BuildRequest,
    place: Path | str,
    *,
    purpose: Purpose,
    store: Store,
    progress: Progress,
    kept: ExitStack | None = None,
) -> ContainerEngine:
    # With repo2docker it takes a third of a second to import.
    from bindery.images.buildpack.application import Repository, run_application  # noqa: PLC0415

    chosen = request.source.environment if isinstance(request.source, EnvironmentSource) else None
    ref = request.source.ref if isinstance(request.source, GitSource) else None
    with ExitStack() as own:
        checkout = (kept or own).enter_context(tempfile.TemporaryDirectory(prefix="bindery-checkout-"))
        repository = Repository(place=str(place), ref=ref, chosen=chosen, checkout=checkout)
        return run_application(request, repository, purpose=purpose, store=store, progress=progress)
