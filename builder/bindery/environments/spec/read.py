"""Sources → spec."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bindery.core import PLATFORMS, BadInput
from bindery.environments.lockfile import LockedChannel
from bindery.environments.spec.foreign import parse_foreign
from bindery.environments.spec.plain import parse_plain
from bindery.environments.spec.source import Source, read_source
from bindery.environments.spec.values import Requirement, Spec
from bindery.environments.virtual_packages import read_virtual_packages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bindery.environments.environment import Environment


def read_spec(environment: Environment, platforms: Sequence[str] = ()) -> Spec:
    """Return what the environment and those below it ask for, for its platforms or for the given ones.

    Where two sources name a package, the later source is right; channels must agree, as conda-lock wants it. What a
    layer is to be without is left out, unless that layer or one above it asks for it.

    Raises:
        BadInput: there is no source, or one cannot be read.

    """
    if not environment.sources:
        raise BadInput("has no environment.yml to lock", str(environment.folder))
    sources = tuple(read_source(path) for path in environment.sources)
    chosen = tuple(platforms) or tuple(dict.fromkeys(name for source in sources for name in source.platforms))
    chosen = chosen or PLATFORMS
    if unknown := [name for name in chosen if name not in PLATFORMS]:
        raise BadInput(
            f"platforms: {unknown[0]} is not supported",
            str(environment.sources[-1]),
            f"use {', '.join(PLATFORMS)}",
        )
    channels = _channels(sources)
    requirements = _plain_requirements(sources)
    unwanted = _unwanted(environment)
    virtual = read_virtual_packages(environment)
    if requirements is None:
        return _leave_out(replace(parse_foreign(environment.sources, chosen), virtual=virtual), unwanted)
    spec = Spec(
        requirements=tuple((platform, requirements) for platform in chosen),
        channels=channels,
        sources=environment.sources,
        virtual=virtual,
    )
    return _leave_out(spec, unwanted)


def _unwanted(environment: Environment) -> frozenset[str]:
    names: set[str] = set()
    for layer in environment.layers:
        names |= set(layer.without)
        if names and layer.spec_path.is_file():
            names -= read_source(layer.spec_path).names
    return frozenset(names)


def _leave_out(spec: Spec, names: frozenset[str]) -> Spec:
    if not names:
        return spec
    return replace(
        spec,
        requirements=tuple(
            (platform, tuple(asked for asked in requirements if asked.name not in names))
            for platform, requirements in spec.requirements
        ),
    )


def _channels(sources: Sequence[Source]) -> tuple[LockedChannel, ...]:
    longest = max((source.channels for source in sources), key=len)
    for source in sources:
        if source.channels != longest[len(longest) - len(source.channels) :]:
            raise BadInput(
                f"channels: {', '.join(source.channels)} is not the end of {', '.join(longest)}", str(source.path)
            )
    if not longest:
        raise BadInput("channels is missing", str(sources[-1].path), "add channels: [conda-forge]")
    return tuple(LockedChannel(url=url) for url in longest)


def _plain_requirements(sources: Sequence[Source]) -> tuple[Requirement, ...] | None:
    found: dict[str, Requirement] = {}
    for source in sources:
        # A channel's URL may hold a secret, which conda-lock knows how to leave out.
        if not source.is_plain or any("://" in url or "$" in url for url in source.channels):
            return None
        for line in source.lines:
            requirement = parse_plain(line, source.category)
            if requirement is None:
                return None
            found[requirement.name] = requirement
    return tuple(found.values())
