"""What would be made, layer by layer, without making it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bindery.environments import read_facts, realise
from bindery.images.base import DEFAULT as DEFAULT_BASE
from bindery.images.base import read_base_lock
from bindery.images.buildpack.making import base_lock_path, choose_packages, refuse_running
from bindery.images.buildpack.repository import repository_members
from bindery.images.layer_plan import plan_layers

if TYPE_CHECKING:
    from bindery.core import Progress, Store
    from bindery.environments import Realised
    from bindery.images.buildpack.making import MakingOptions
    from bindery.images.buildpack.values import BuildValues


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedLayer:
    """A layer of the plan: ``items`` packages or files, ``size_bytes`` of their archives, None if that is not known."""

    title: str
    items: int
    size_bytes: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildPlan:
    """An image that could be made; ``base`` is a name and, if it is locked, its digest."""

    name: str
    label: str
    platform: str
    packages: str
    lock: str
    base: str
    repository: str
    user: str
    layers: tuple[PlannedLayer, ...]


def plan_image(
    values: BuildValues, name: str, options: MakingOptions, *, store: Store, progress: Progress
) -> BuildPlan:
    """Return what ``make_image`` would make of these values. Sizes are those that the store knows.

    Raises:
        WrongUse: something would have to run in a container, or it is open where packages come from.
        BadInput: a file of the repository or the lock cannot be used.

    """
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
    files = repository_members(values.files, "", values.place.user.uid)
    return BuildPlan(
        name=name,
        label=realised.label,
        platform=values.platform,
        packages=realised.packages,
        lock=str(realised.digest),
        base=_base(values, options),
        repository=values.place.repository,
        user=f"{values.place.user.name} ({values.place.user.uid})",
        layers=(
            PlannedLayer(title="runtime", items=0, size_bytes=None),
            *_environment_layers(realised, store),
            PlannedLayer(title="repository", items=len(files), size_bytes=sum(file.size_bytes for file in files)),
        ),
    )


def _base(values: BuildValues, options: MakingOptions) -> str:
    with base_lock_path(values) as path:
        locked = read_base_lock(path, values.platform)
    if locked is None:
        return options.base or DEFAULT_BASE
    return f"{options.base or locked.reference}, anew" if options.update_base else f"{locked.reference}@{locked.digest}"


def _environment_layers(realised: Realised, store: Store) -> tuple[PlannedLayer, ...]:
    facts = read_facts(realised.installed, store)
    sizes = {package.name: facts[package.url].archive_bytes for package in realised.installed}
    plans = plan_layers([(name, size or 0) for name, size in sorted(sizes.items())])
    return tuple(
        PlannedLayer(
            title=plan.title,
            items=len(plan.packages),
            size_bytes=_total([sizes[name] for name in plan.packages]),
        )
        for plan in plans
        if plan.packages
    )


def _total(sizes: list[int | None]) -> int | None:
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None
