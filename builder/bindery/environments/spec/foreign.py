"""Sources with selectors, pip sections and other spellings, parsed by conda-lock itself."""

from __future__ import annotations

import importlib.resources
from typing import TYPE_CHECKING

from bindery.core import BadInput
from bindery.environments.lockfile import LockedChannel
from bindery.environments.spec.values import Requirement, Spec

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from conda_lock.models.lock_spec import Dependency, LockSpecification


def parse_foreign(sources: Sequence[Path], platforms: Sequence[str]) -> Spec:
    """Return what conda-lock reads from the sources.

    Raises:
        BadInput: conda-lock cannot read them, or they ask for what no lock can name by a hash.

    """
    # Two seconds, which only the sources that need it should cost.
    from conda_lock.src_parser import make_lock_spec  # noqa: PLC0415

    mapping = importlib.resources.files("bindery.environments.spec") / "pypi-mapping.json"
    try:
        parsed = make_lock_spec(src_files=list(sources), platform_overrides=list(platforms), mapping_url=str(mapping))
    except Exception as error:  # conda-lock raises whatever its parts raise
        where = ", ".join(str(source) for source in sources)
        cause = f" ({error.__cause__})" if error.__cause__ else ""
        raise BadInput(f"conda-lock cannot read it: {error}{cause}", where) from error
    return _spec(parsed, tuple(sources))


def _spec(parsed: LockSpecification, sources: tuple[Path, ...]) -> Spec:
    return Spec(
        requirements=tuple(
            (platform, tuple(_requirement(dependency, sources) for dependency in dependencies))
            for platform, dependencies in parsed.dependencies.items()
        ),
        channels=tuple(
            LockedChannel(url=channel.url, used_env_vars=channel.used_env_vars) for channel in parsed.channels
        ),
        sources=sources,
        pip_repositories=tuple(repository.url for repository in parsed.pip_repositories),
        allow_pypi_requests=parsed.allow_pypi_requests,
    )


def _requirement(dependency: Dependency, sources: tuple[Path, ...]) -> Requirement:
    from conda_lock.models.lock_spec import URLDependency, VersionedDependency  # noqa: PLC0415

    if isinstance(dependency, VersionedDependency):
        return Requirement(
            name=dependency.name,
            manager=dependency.manager,
            category=dependency.category,
            version=dependency.version,
            build=dependency.build,
            channel=dependency.conda_channel,
            extras=tuple(dependency.extras),
            markers=dependency.markers,
            hash=dependency.hash,
        )
    if isinstance(dependency, URLDependency):
        return Requirement(
            name=dependency.name,
            manager=dependency.manager,
            category=dependency.category,
            extras=tuple(dependency.extras),
            markers=dependency.markers,
            url=dependency.url,
            hashes=tuple(dependency.hashes),
        )
    raise BadInput(
        f"pip: {dependency.name} is a folder or a git repository, which has no hash to lock",
        str(sources[-1]),
        "name a released version, or the URL of an archive",
    )
