"""repo2docker's buildpack for locked environments: what it finds in a repository, and what an image becomes of it."""

from typing import TYPE_CHECKING

from bindery.core.front_door import open_on_demand

if TYPE_CHECKING:
    from bindery.images.buildpack.base_facts import BaseFacts, read_base_facts
    from bindery.images.buildpack.buildpack import CondaLockBuildPack
    from bindery.images.buildpack.config_files import ConfigFiles, read_config_files
    from bindery.images.buildpack.repository import digest_repository, list_repository, repository_members
    from bindery.images.buildpack.runtime_files import Place, runtime_members
    from bindery.images.buildpack.values import BuildValues
    from bindery.images.buildpack.variables import image_variables

__all__ = [
    "BaseFacts",
    "BuildValues",
    "CondaLockBuildPack",
    "ConfigFiles",
    "Place",
    "digest_repository",
    "image_variables",
    "list_repository",
    "read_base_facts",
    "read_config_files",
    "repository_members",
    "runtime_members",
]

if not TYPE_CHECKING:  # so that type checkers know these names and no others
    __getattr__ = open_on_demand(__name__, __file__)
