"""The runtime layer: what a container needs beside base and environment, the same for every repository."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bindery.core import BadInput
from bindery.core.tarstreams import TarMember, bytes_member, folder_member
from bindery.images.buildpack.base_facts import GROUP, PASSWD
from bindery.images.buildpack.repository import parents
from bindery.images.buildpack.users import User, add_user

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bindery.images.buildpack.base_facts import BaseFacts

ENTRYPOINT = "/usr/local/bin/repo2docker-entrypoint"
PROFILE = "etc/profile.d/bindery.sh"
FILES = Path(__file__).with_name("runtime")
FORMAT = 1
"""Counts how the layer was made: another number, another layer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where things are in the image. ``repository`` is repo2docker's REPO_DIR, absolute."""

    user: User = field(default_factory=User)
    repository: str = ""
    conda: str = "/srv/conda"

    def __post_init__(self) -> None:
        """Put the repository into the user's home, unless another place was chosen.

        Raises:
            BadInput: the place is not an absolute path, or the environment lies there.

        """
        chosen = posixpath.normpath(self.repository) if self.repository else self.user.home
        if not posixpath.isabs(chosen) or chosen == "/" or f"{chosen}/".startswith(f"{self.conda}/"):
            raise BadInput(
                f"the repository cannot be at {self.repository} in the image",
                "--repo-dir",
                "name an absolute path such as /srv/repo",
            )
        object.__setattr__(self, "repository", chosen)

    @property
    def prefix(self) -> str:
        """Where the environment is."""
        return f"{self.conda}/envs/notebook"

    @property
    def dask_config(self) -> str:
        """The folder of Dask's configuration."""
        return f"{self.conda}/etc"


def runtime_members(place: Place, facts: BaseFacts, variables: Mapping[str, str]) -> tuple[TarMember, ...]:
    """Return the entrypoint, the profile, Dask's configuration, the user, and the user's folders.

    Raises:
        BadInput: the base has no bash, or another user of that name.

    """
    if not facts.has_bash:
        raise BadInput("has no bash, which starts the container's command", "the base", "--base debian:bookworm")
    passwd, group = add_user(facts.passwd, facts.group, place.user)
    files = (
        bytes_member(ENTRYPOINT.lstrip("/"), (FILES / "entrypoint.bash").read_bytes(), 0o755),
        bytes_member(PROFILE, _profile(variables["PATH"]).encode()),
        bytes_member(f"{place.dask_config.lstrip('/')}/dask.yaml", (FILES / "dask.yaml").read_bytes()),
        bytes_member(PASSWD, passwd.encode(errors="surrogateescape")),
        bytes_member(GROUP, group.encode(errors="surrogateescape")),
    )
    home = place.user.home.lstrip("/")
    owned = replace(folder_member(home), uid=place.user.uid, gid=place.user.uid)
    return with_folders((*files, owned), facts)


def with_folders(members: Sequence[TarMember], facts: BaseFacts) -> tuple[TarMember, ...]:
    """Return the members, and the folders above them: as the base has them, else root's and 0755.

    A layer that names a folder replaces its mode, and ``/tmp`` has to stay what it is.
    """
    named = {member.path for member in members}
    above = {folder for member in members for folder in parents(member.path)} - named
    return (*members, *(_folder(path, facts) for path in sorted(above)))


def _folder(path: str, facts: BaseFacts) -> TarMember:
    mode, uid, gid = facts.folders.get(path, (0o755, 0, 0))
    return replace(folder_member(path), mode=mode, uid=uid, gid=gid)


def entrypoint(facts: BaseFacts) -> tuple[str, ...]:
    """Return the image's entrypoint: ours, below tini where the base has one, which reaps what Jupyter leaves."""
    return (facts.tini, "-s", "--", ENTRYPOINT) if facts.tini else (ENTRYPOINT,)


def command(paths: Iterable[str]) -> tuple[str, ...]:
    """Return what is started if nobody says otherwise, among the environment's files."""
    known = set(paths)
    for program, words in (("jupyter-lab", "lab"), ("jupyter-notebook", "notebook")):
        if f"bin/{program}" in known:
            return ("jupyter", words, "--ip", "0.0.0.0")  # noqa: S104 - a container's own address
    return ("/bin/bash",)


def _profile(path: str) -> str:
    quoted = path.replace("'", "'\\''")
    return f"# /etc/profile sets PATH anew; a login shell has the image's all the same.\nexport PATH='{quoted}'\n"
