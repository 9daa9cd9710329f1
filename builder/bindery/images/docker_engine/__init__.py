"""Images that need a Docker engine: loaded into one, and built upon by its commands."""

from typing import TYPE_CHECKING

from bindery.core.front_door import open_on_demand

if TYPE_CHECKING:
    from bindery.images.docker_engine.build import DockerOrder, build_upon, build_with_docker
    from bindery.images.docker_engine.builder_image import builder_request, staged_builder
    from bindery.images.docker_engine.load import archive_members, load_image
    from bindery.images.docker_engine.run_steps import (
        CA_SECRET,
        RunSteps,
        ca_secret,
        render_dockerfile,
        secret_ids,
        split_run_steps,
    )

__all__ = [
    "CA_SECRET",
    "DockerOrder",
    "RunSteps",
    "archive_members",
    "build_upon",
    "build_with_docker",
    "builder_request",
    "ca_secret",
    "load_image",
    "render_dockerfile",
    "secret_ids",
    "split_run_steps",
    "staged_builder",
]

if not TYPE_CHECKING:  # so that type checkers know these names and no others
    __getattr__ = open_on_demand(__name__, __file__)
