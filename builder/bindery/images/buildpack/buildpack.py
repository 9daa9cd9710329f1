"""repo2docker's buildpack for a repository with a ``conda-lock.yml``, or with pins of wheels.

    c.Repo2Docker.buildpacks.insert(0, CondaLockBuildPack)

Source: repo2docker 2026.4, ``buildpacks/base.py``: what an application calls, and in which folder.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

from repo2docker.buildpacks.base import BaseImage
from repo2docker.docker import DockerEngine

from bindery.core import conda_platform
from bindery.images.buildpack.config_files import read_config_files
from bindery.images.buildpack.fetched import revision_of, scrub_url
from bindery.images.buildpack.runtime_files import Place
from bindery.images.buildpack.users import NAME, UID, User
from bindery.images.buildpack.values import BuildValues
from bindery.images.docker_engine.build import DockerOrder, build_with_docker
from bindery.images.engine import OciEngine

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from repo2docker.engine import ContainerEngine

    from bindery.environments import Environment
    from bindery.images.buildpack.config_files import ConfigFiles

LABEL_REPOSITORY, LABEL_REF = "repo2docker.repo", "repo2docker.ref"
LOCAL = "local"


@runtime_checkable
class MakesOciEngine(Protocol):
    """An application that has settings for our engine which no configuration file says."""

    def make_oci_engine(self) -> OciEngine:
        """Return the engine."""


class CondaLockBuildPack(BaseImage):
    """Installs the lock, exactly; comes before the buildpack that solves ``environment.yml`` anew."""

    chosen: ClassVar[Environment | None] = None
    """The environment of a subclass that is made for one, whatever lies in the repository."""

    @cached_property
    def files(self) -> ConfigFiles:
        """What the repository in the working folder says."""
        return read_config_files(Path.cwd())

    def detect(self) -> bool:
        """Answer whether the repository is ours: it has a lock or pins where repo2docker looks, and no Dockerfile.

        Raises:
            BadInput: it has both ``binder/`` and ``.binder/``, or apt.txt names what is no package.

        """
        return self.chosen is not None or self.files.is_ours

    def values(self, build_args: Mapping[str, str] | None = None, platform: str | None = None) -> BuildValues:
        """Return everything that decides what the image is, as repo2docker's application hands it over.

        Raises:
            BadInput: the files, the platform or the folder in the image cannot be used.

        """
        arguments = build_args or {}
        labels = {name: str(value) for name, value in self.get_labels().items()}
        fetched_from = labels.get(LABEL_REPOSITORY, LOCAL)
        is_local = fetched_from == LOCAL
        labels[LABEL_REPOSITORY] = LOCAL if is_local else scrub_url(fetched_from)
        system, _, architecture = (platform or self.platform or "linux/amd64").partition("/")
        user = User(name=arguments.get("NB_USER", NAME), uid=int(arguments.get("NB_UID", UID)))
        return BuildValues(
            environment=self.chosen or self.files.environment(),
            files=self.files,
            place=Place(user=user, repository=arguments.get("REPO_DIR", "")),
            platform=conda_platform(system, architecture),
            labels=labels,
            appendix=self.appendix,
            source="" if is_local else labels[LABEL_REPOSITORY],
            revision="" if is_local else revision_of(self.files.folder),
        )

    def render(self, build_args: Mapping[str, str] | None = None) -> str:
        """Return the Dockerfile, for an engine that needs one; repo2docker logs it for every engine."""
        values = self.values(build_args)
        return f"# {values.environment.title} for {values.platform}, made without a Dockerfile\n"

    def build(  # noqa: PLR0913, PLR0917 - repo2docker's own list of parameters
        self,
        client: ContainerEngine,
        image_spec: str,
        memory_limit: int,
        build_args: dict[str, str],
        cache_from: list[str],
        extra_build_kwargs: dict[str, object],
        platform: str | None = None,
    ) -> Iterator[str]:
        """Have the engine make the image, and give the lines of its log."""
        del memory_limit
        values = self.values(build_args, platform)
        if isinstance(client, OciEngine):
            pushed, loaded = bool(extra_build_kwargs.get("push")), bool(extra_build_kwargs.get("load"))
            yield from client.build_values(values, image_spec, push=pushed, load=loaded)
            return
        if not isinstance(client, DockerEngine):
            raise TypeError(f"{type(client).__name__} is no engine that this buildpack knows")
        # What has to run, runs in the engine that was chosen, on top of what ours lays.
        order = DockerOrder(
            name=image_spec, build_args=build_args, extra={**extra_build_kwargs, "cache_from": cache_from}
        )
        ours = _ours(client)
        yield from build_with_docker(
            client, values, order, ours.options(), store=ours.opened_store(), progress=ours.progress
        )


def _ours(client: ContainerEngine) -> OciEngine:
    """Return our engine with the settings of the application that made the other one."""
    parent: object = client.parent
    return parent.make_oci_engine() if isinstance(parent, MakesOciEngine) else OciEngine(parent=parent)
