"""Images that need a Docker engine: loaded into one, and built upon by its commands."""

from typing import TYPE_CHECKING

from bindery.core.front_door import open_on_demand

if TYPE_CHECKING:
    from bindery.images.docker_engine.load import archive_members, load_image

__all__ = ["archive_members", "load_image"]

if not TYPE_CHECKING:  # so that type checkers know these names and no others
    __getattr__ = open_on_demand(__name__, __file__)
