"""Values → image: base, runtime, environment and repository, laid upon each other in the store's layout."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bindery.core import WrongUse
from bindery.core.tarstreams import folder_member
from bindery.environments import find_release, realise
from bindery.images.annotations import image_annotations, image_labels
from bindery.images.assemble import ImageRecipe, assemble_image
from bindery.images.base import DEFAULT as DEFAULT_BASE
from bindery.images.base import FILE_NAME as BASE_LOCK
from bindery.images.base import ensure_base, makes_base, read_base_lock
from bindery.images.buildpack.base_facts import ensure_base_facts
from bindery.images.buildpack.repository import repository_members
from bindery.images.buildpack.runtime_files import command, entrypoint, runtime_members, with_folders
from bindery.images.buildpack.values import Identity
from bindery.images.buildpack.variables import image_variables
from bindery.images.environment_layers import ensure_environment_layers, find_environment_layers
from bindery.images.layers import write_layer
from bindery.images.materials import ensure_sbom
from bindery.prefixes import ensure_linked, find_linked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bindery.core import Progress, Store
    from bindery.core.tarstreams import TarMember
    from bindery.environments import PackagesChoice, Realised
    from bindery.images.buildpack.base_facts import BaseFacts
    from bindery.images.buildpack.values import BuildValues
    from bindery.images.compression import Compression
    from bindery.images.layout import Image, Layout
    from bindery.prefixes import LinkedPrefix

JUPYTER_PORT = "8888/tcp"


@dataclass(frozen=True, kw_only=True, slots=True)
class MakingOptions:
    """What the repository does not say: where packages come from, the base, how layers are compressed.

    ``base`` None takes its base.lock. ``mirrors`` are from a channel's name or URL to where it is fetched from.
    """

    packages: PackagesChoice | None = None
    interpreter: str | None = None
    base: str | None = None
    update_base: bool = False
    compression: Compression = "zstd"
    mirrors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageParts:
    """What an image is made of, before any layer is: files, settings, and what it says of itself."""

    base: Image
    realised: Realised
    linked: LinkedPrefix
    runtime: tuple[TarMember, ...]
    repository: tuple[TarMember, ...]
    recipe: ImageRecipe
    """Without layers of its own."""


def make_image(
    values: BuildValues, name: str, options: MakingOptions, *, layout: Layout, store: Store, progress: Progress
) -> Image:
    """Return the image, called ``name`` in the layout. No container runs, and nothing of this machine gets in.

    Raises:
        WrongUse: something would have to run in a container, or it is open where packages come from.
        BadInput: a file of the repository, the lock, the base or a package cannot be used.
        ToolFailed: a tool, the network or the disk failed.

    """
    ground = _ground(values, options, layout, store, progress)
    packing, target = options.compression, values.place.prefix
    linked = find_linked(ground.realised, target, store=store, progress=progress)
    environment = find_environment_layers(linked, layout, store, packing) if linked else None
    if linked is None or environment is None:
        linked = ensure_linked(ground.realised, target, store=store, progress=progress)
        environment = ensure_environment_layers(linked, layout, store, progress, packing)
    parts = _describe(values, options, ground, linked)
    layers = (
        write_layer(parts.runtime, layout, title="runtime", compression=packing),
        *environment,
        write_layer(parts.repository, layout, title="repository", compression=packing),
    )
    image = assemble_image(replace(parts.recipe, layers=layers), layout, name)
    ensure_sbom(image, parts.realised, store)
    return image


def describe_image(
    values: BuildValues, options: MakingOptions, *, layout: Layout, store: Store, progress: Progress
) -> ImageParts:
    """Return what the image is made of; base and environment are in the store then, and no layer was made.

    Raises:
        WrongUse: something would have to run in a container, or it is open where packages come from.
        BadInput: a file of the repository, the lock, the base or a package cannot be used.
        ToolFailed: a tool, the network or the disk failed.

    """
    ground = _ground(values, options, layout, store, progress)
    linked = ensure_linked(ground.realised, values.place.prefix, store=store, progress=progress)
    return _describe(values, options, ground, linked)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Ground:
    """What is settled before the environment is linked; ``base_name`` is what the base was asked for as."""

    realised: Realised
    base: Image
    base_name: str
    facts: BaseFacts


def _ground(values: BuildValues, options: MakingOptions, layout: Layout, store: Store, progress: Progress) -> _Ground:
    refuse_running(values)
    realised = realise(
        values.environment,
        packages=choose_packages(values, options.packages),
        interpreter=options.interpreter,
        platform=values.platform,
        store=store,
        progress=progress,
        mirrors=options.mirrors,
    )
    base, base_name = _base(values, options, layout, store, progress)
    return _Ground(realised=realised, base=base, base_name=base_name, facts=ensure_base_facts(base, store))


def _describe(values: BuildValues, options: MakingOptions, ground: _Ground, linked: LinkedPrefix) -> ImageParts:
    realised, base, facts = ground.realised, ground.base, ground.facts
    identity = Identity(
        environment=values.environment.name,
        release=realised.release or "",
        packages=realised.packages,
        lock_digest=realised.digest,
        withdrawn=withdrawal_text(realised),
    )
    variables = image_variables(base.config.env, values.place, identity, linked.variables, values.files.start)
    user = values.place.user
    return ImageParts(
        base=base,
        realised=realised,
        linked=linked,
        runtime=runtime_members(values.place, facts, variables),
        repository=_repository_members(values, facts),
        recipe=ImageRecipe(
            base=base,
            layers=(),
            env=variables,
            labels={**base.config.labels, **values.labels, **image_labels(identity, base.digest)},
            annotations=image_annotations(
                identity, ground.base_name, base.digest, (values.source, values.revision), options.compression
            ),
            entrypoint=entrypoint(facts),
            cmd=command(linked.entries),
            user=f"{user.uid}:{user.uid}",
            working_dir=values.place.repository,
            ports=(JUPYTER_PORT,),
        ),
    )


def refuse_running(values: BuildValues) -> None:
    """Return if nothing has to run inside the image while it is made.

    Raises:
        WrongUse: something has to; a container engine can do it.

    """
    files = values.files
    if values.appendix.strip():
        reason = "the appendix is a piece of a Dockerfile"
    elif files.post_build is not None:
        reason = f"{files.post_build} has to run inside the image"
    else:
        return
    raise WrongUse(f"{reason}, and the engine oci runs nothing", str(files.folder), "--engine docker")


def choose_packages(values: BuildValues, chosen: PackagesChoice | None) -> PackagesChoice:
    """Return where packages come from: what was chosen, else the only one that the environment has files for.

    Raises:
        WrongUse: it has files for both, and an image does not depend on which of them answers today.

    """
    if chosen is not None and chosen != "auto":
        return chosen
    environment = values.environment
    if not environment.lock_path.is_file():
        return "wheels"
    if not environment.wheels_paths:
        return "conda-forge"
    raise WrongUse(
        "can be made of conda-forge's packages or of wheels, which give different images",
        environment.title,
        "--packages conda-forge, or --packages wheels",
    )


def withdrawal_text(realised: Realised) -> str:
    """Return what to tell whoever starts an image of a release that was withdrawn; empty if it was not."""
    published, version = realised.environment.published_by, realised.release
    if version is None or not published.releases_folder.is_dir():
        return ""
    withdrawn = find_release(published, version).entry.withdrawn
    if withdrawn is None:
        return ""
    instead = f"; take {published.name}@{withdrawn.instead} instead" if withdrawn.instead else ""
    return f"{published.name}@{version} was withdrawn on {withdrawn.date}: {withdrawn.reason}{instead}"


def _base(
    values: BuildValues, options: MakingOptions, layout: Layout, store: Store, progress: Progress
) -> tuple[Image, str]:
    """Return the base, and what it was asked for as: ``debian:bookworm``."""
    with base_lock_path(values) as path:
        if not path.is_file() and options.base is None:
            progress.say(f"{values.environment.title}: no {BASE_LOCK} says which base; taking {DEFAULT_BASE}")
        base = ensure_base(
            path,
            options.base,
            update=options.update_base,
            layout=layout,
            store=store,
            progress=progress,
            apt=values.files.apt_packages,
            platform=values.platform,
        )
        locked = read_base_lock(path, values.platform)
    return base, locked.reference if locked else ""


def is_apt_on_top(values: BuildValues, options: MakingOptions) -> bool:
    """Answer whether what ``apt.txt`` lists has to be installed in a container, since the base is somebody else's."""
    with base_lock_path(values) as path:
        return bool(values.files.apt_packages) and not makes_base(path, options.base, values.platform)


@contextmanager
def base_lock_path(values: BuildValues) -> Iterator[Path]:
    """Yield where the base is written down: beside the environment's files, where one can commit it.

    A release's folder never changes, so its base is its environment's unless it has one. A repository that was fetched
    is gone after the build, and what is written into it would be another repository's: it gets a place for now.
    """
    folder = values.environment.folder
    if (folder / BASE_LOCK).is_file():
        yield folder / BASE_LOCK
    elif values.environment.release:
        yield values.environment.published_by.folder / BASE_LOCK
    elif values.source:
        with tempfile.TemporaryDirectory(prefix="bindery-base-") as made:
            yield Path(made) / BASE_LOCK
    else:
        yield folder / BASE_LOCK


def _repository_members(values: BuildValues, facts: BaseFacts) -> tuple[TarMember, ...]:
    place, uid = values.place.repository.lstrip("/"), values.place.user.uid
    members = repository_members(values.files, place, uid)
    root = replace(folder_member(place), uid=uid, gid=uid)
    return with_folders((root, *members), facts)
