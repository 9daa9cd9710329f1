"""What a person asked for, in the words of conda-lock's lock specification."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from bindery.environments.lockfile import LockedChannel, Manager
    from bindery.environments.virtual_packages import VirtualPackages


@dataclass(frozen=True, kw_only=True, slots=True)
class Requirement:
    """One line of a spec: a package, and what it must be.

    ``version`` is a range in conda's words, also for pip packages; it is empty where any version does. A pip package
    may come from a ``url`` instead, with its ``hashes`` as they were written there.
    """

    name: str
    manager: Manager = "conda"
    category: str = "main"
    version: str = ""
    build: str | None = None
    channel: str | None = None
    extras: tuple[str, ...] = ()
    markers: str | None = None
    hash: str | None = None
    url: str | None = None
    hashes: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the line as conda's programs read it."""
        channel = f"{self.channel}::" if self.channel else ""
        version = f" {self.version or '*'}" if self.version or self.build else ""
        build = f" {self.build}" if self.build else ""
        return f"{channel}{self.name}{version}{build}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Spec:
    """What all the sources of an environment ask for together, for every platform.

    ``virtual`` is what the machines are taken to have, None for conda-lock's defaults.
    """

    requirements: tuple[tuple[str, tuple[Requirement, ...]], ...]
    channels: tuple[LockedChannel, ...]
    sources: tuple[Path, ...]
    pip_repositories: tuple[str, ...] = ()
    allow_pypi_requests: bool = True
    virtual: VirtualPackages | None = None

    @property
    def platforms(self) -> tuple[str, ...]:
        """The platforms, in the order of the sources."""
        return tuple(platform for platform, _ in self.requirements)

    def requirements_for(self, platform: str) -> tuple[Requirement, ...]:
        """Return what is asked for on the platform."""
        return dict(self.requirements)[platform]
