"""Sites: where SIFs run, and the files that the people of a site load and submit."""

from typing import TYPE_CHECKING

from bindery.core.front_door import open_on_demand

if TYPE_CHECKING:
    from bindery.sif.sites.check import CheckOptions, check_site
    from bindery.sif.sites.findings import SiteFinding
    from bindery.sif.sites.read import list_sites, read_site
    from bindery.sif.sites.resources import job_directives
    from bindery.sif.sites.shims import QUEUE_PROGRAMS, shim_lines
    from bindery.sif.sites.site import Singularity, Site, site_environ
    from bindery.sif.sites.write import Stale, find_stale, read_origin, write_site_files

__all__ = [
    "QUEUE_PROGRAMS",
    "CheckOptions",
    "Singularity",
    "Site",
    "SiteFinding",
    "Stale",
    "check_site",
    "find_stale",
    "job_directives",
    "list_sites",
    "read_origin",
    "read_site",
    "shim_lines",
    "site_environ",
    "write_site_files",
]

if not TYPE_CHECKING:  # so that type checkers know these names and no others
    __getattr__ = open_on_demand(__name__, __file__)
