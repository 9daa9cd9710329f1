"""What is going to be installed, once it is settled where its packages come from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bindery.core import Digest
    from bindery.environments.environment import Environment
    from bindery.environments.lockfile import Lock, LockedPackage

PackagesChoice = Literal["conda-forge", "wheels", "auto"]
PackagesSource = Literal["conda-forge", "wheels"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Realised:
    """An environment with the lock that is installed: the committed one, or one of a wheel channel.

    ``mirrors`` says where to fetch: a URL that starts with the key is fetched from the value, which may be a
    ``file://`` URL. Hashes are checked all the same, and nothing but fetching uses the value.
    """

    environment: Environment
    lock: Lock
    packages: PackagesSource
    platform: str
    label: str
    release: str | None = None
    mirrors: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> Digest:
        """What identifies the package set: equal digests give equal prefixes."""
        return self.lock.digest(self.platform)

    @property
    def installed(self) -> tuple[LockedPackage, ...]:
        """The packages of the prefix, sorted by manager and name."""
        return self.lock.packages_for(self.platform)

    def fetch_url(self, url: str) -> str:
        """Return where the archive of this URL is fetched from: its longest mirrored prefix decides."""
        prefixes = [prefix for prefix in self.mirrors if url.startswith(prefix)]
        if not prefixes:
            return url
        longest = max(prefixes, key=len)
        return self.mirrors[longest] + url.removeprefix(longest)
