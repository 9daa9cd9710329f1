"""What a lock says.

Source: conda-lock's lock file, version 1 (https://schemas.conda.org/conda-lock-v1.schema.json).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from bindery.core import NOARCH, BadInput, Digest, digest_bytes, encode_json
from bindery.environments.lockfile.safety import is_safe_dependency, is_safe_name, is_safe_url, is_safe_version

if TYPE_CHECKING:
    from collections.abc import Collection

Manager = Literal["conda", "pip"]
Pairs: TypeAlias = "tuple[tuple[str, str], ...]"
"""A mapping of text to text, in the order of the file."""

MAIN = "main"
_EXTENSIONS = (".conda", ".tar.bz2")


@dataclass(frozen=True, kw_only=True, slots=True)
class LockedPackage:
    """One package on one platform, as it will be installed.

    ``dependencies`` are pairs of a name and a version range, which is empty where any version does.
    ``md5`` is there for every conda package, since conda's own installers ask for it.
    """

    name: str
    version: str
    manager: Manager
    platform: str
    dependencies: Pairs = ()
    url: str
    md5: Digest | None = None
    sha256: Digest
    source_url: str | None = None
    recorded_build: str | None = None
    category: str = MAIN
    optional: bool = False

    @property
    def file_name(self) -> str:
        """The archive's name: the last part of the URL."""
        return self.url.partition("#")[0].partition("?")[0].rpartition("/")[2]

    @property
    def subdir(self) -> str:
        """The channel's folder that holds the archive: the platform, or ``noarch``; empty for a pip package."""
        return "" if self.manager == "pip" else self.url.split("/")[-2]

    @property
    def channel_url(self) -> str:
        """The channel, without a slash at its end; empty for a pip package."""
        return "" if self.manager == "pip" else self.url.rsplit("/", 2)[0]

    @property
    def build(self) -> str:
        """The build string; empty for a pip package."""
        if self.manager == "pip" or self.recorded_build is not None:
            return self.recorded_build or ""
        stem = self.file_name
        for extension in _EXTENSIONS:
            stem = stem.removesuffix(extension)
        return stem.rpartition("-")[2]

    @property
    def has_sound_url(self) -> bool:
        """Whether the URL can be what it must be: for conda, an archive in the platform's folder or in ``noarch``."""
        if not is_safe_url(self.url):
            return False
        if self.manager == "pip":
            return True
        folders = self.url.partition("://")[2].split("/")
        return len(folders) > 2 and folders[-2] in {self.platform, NOARCH} and folders[-1].endswith(_EXTENSIONS)

    @property
    def fault(self) -> str:
        """What no package can have, since paths and commands are made of it; empty if there is nothing."""
        if (
            all(map(is_safe_name, (self.name, self.platform, self.category)))
            and all(map(is_safe_version, (self.version, self.recorded_build or "0")))
            and all(map(is_safe_dependency, self.dependencies))
            and self.has_sound_url
            and (self.source_url is None or is_safe_url(self.source_url))
        ):
            return ""
        return self._describe_fault()

    def _describe_fault(self) -> str:
        holds = {
            f"name is {self.name!r}, which names no package": is_safe_name(self.name),
            f"version is {self.version!r}, which is no version": is_safe_version(self.version),
            f"build is {self.recorded_build!r}, which is no build": is_safe_version(self.recorded_build or "0"),
            f"platform is {self.platform!r}, which is no platform": is_safe_name(self.platform),
            f"category is {self.category!r}, which is no category": is_safe_name(self.category),
            f"url is {self.url!r}, which names no package for {self.platform}": self.has_sound_url,
            f"source.url is {self.source_url!r}, which is no URL": is_safe_url(self.source_url or self.url),
        }
        for name, version_range in self.dependencies:
            written = f"{name} {version_range}"
            holds[f"dependencies: {written!r} is no dependency"] = is_safe_dependency((name, version_range))
        return next(what for what, is_so in holds.items() if not is_so)

    @property
    def key(self) -> tuple[str, str, str]:
        """What there is only one of in a lock (per category): manager, name, platform."""
        return (self.manager, self.name, self.platform)


@dataclass(frozen=True, kw_only=True, slots=True)
class LockedChannel:
    """A channel that was solved from; ``used_env_vars`` are the names of secrets left out of its URL."""

    url: str
    used_env_vars: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Lock:
    """A ``conda-lock.yml``: for every platform, every package, in the order of the file."""

    packages: tuple[LockedPackage, ...]
    content_hash: Pairs
    channels: tuple[LockedChannel, ...]
    platforms: tuple[str, ...]
    sources: tuple[str, ...]
    time_metadata: Pairs = ()
    git_metadata: Pairs = ()
    inputs_metadata: tuple[tuple[str, Pairs], ...] = ()
    custom_metadata: Pairs = ()

    def packages_for(self, platform: str, categories: Collection[str] = (MAIN,)) -> tuple[LockedPackage, ...]:
        """Return what is installed on the platform, sorted by manager and name, each package once.

        Raises:
            BadInput: the lock is not for this platform.

        """
        if platform not in self.platforms:
            raise BadInput(f"is not locked for {platform}, only for {', '.join(self.platforms)}", "conda-lock.yml")
        found = {
            package.key: package
            for package in self.packages
            if package.platform == platform and package.category in categories
        }
        return tuple(found[key] for key in sorted(found))

    def digest(self, platform: str, categories: Collection[str] = (MAIN,)) -> Digest:
        """Return what identifies the platform's package set: the same names, URLs and hashes give the same digest.

        Raises:
            BadInput: the lock is not for this platform.

        """
        packages = self.packages_for(platform, categories)
        return digest_bytes(
            encode_json([[package.manager, package.name, package.url, str(package.sha256)] for package in packages])
        )

    def canonical(self) -> Lock:
        """Return the lock as it is written: packages and their dependencies sorted, virtual packages left out."""
        packages = sorted(
            (
                replace(package, dependencies=tuple(sorted(package.dependencies)))
                for package in self.packages
                if not (package.manager == "conda" and package.name.startswith("__"))
            ),
            key=lambda package: (package.key, package.category),
        )
        return replace(self, packages=tuple(packages))

    def restricted_to(self, platforms: Collection[str]) -> Lock:
        """Return the lock of these platforms only."""
        return replace(
            self,
            packages=tuple(package for package in self.packages if package.platform in platforms),
            content_hash=tuple(pair for pair in self.content_hash if pair[0] in platforms),
            platforms=tuple(platform for platform in self.platforms if platform in platforms),
        )
