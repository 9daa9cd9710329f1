"""A site and a SIF → the files that the people of the site load and submit. Nothing is written here."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined

from bindery import __version__
from bindery.core import BadInput
from bindery.sif.sites.quoting import (
    quote_comment,
    quote_expanding,
    quote_lua,
    quote_shell,
    quote_tcl,
    quote_yaml,
    variable_names,
)
from bindery.sif.sites.resources import job_directives
from bindery.sif.sites.shims import QUEUE_PROGRAMS, shim_lines
from bindery.sif.sites.site import site_environ

if TYPE_CHECKING:
    from pathlib import Path

    from bindery.sif.sites.contents import SifContents
    from bindery.sif.sites.site import Site

HEADER = "written by bindery"
_PROXIES = ("no_proxy", "NO_PROXY")
_JOBS = ("jupyter", "papermill", "test")


@dataclass(frozen=True, kw_only=True, slots=True)
class SiteFile:
    """A file to be written at the path, which is relative to the folder; a link if it has a target."""

    path: PurePosixPath
    text: str = ""
    mode: int = 0o644
    target: str | None = None


def render_site_files(site: Site, contents: SifContents, folder: Path) -> tuple[SiteFile, ...]:
    """Return the files of the site for this SIF, as they must be if they are to lie in ``folder``, sorted by path.

    Raises:
        BadInput: the site has a placeholder left, its submit host cannot be one, or a path is one that no shell or
            Singularity can take.

    """
    for key, value in site.placeholders:
        raise BadInput(f"{key} is still {value}", str(site.path), "fill it in")
    for path in (folder, contents.path):
        _check_path(path)
    templates = make_templates()
    values = {
        "site": site,
        "sif": contents,
        "folder": str(folder),
        "environ": {name: value for name, value in site_environ(site).items() if name not in _PROXIES},
        "proxies": {name: value for name, value in site_environ(site).items() if name in _PROXIES},
        "own_tmpdir": site.local_directory == "$TMPDIR",
        "interpreter": sys.executable,
        "program_folder": str(PurePosixPath(site.singularity.command).parent),
        "version": __version__,
    }

    def render(name: str, path: str, mode: int = 0o644, **more: object) -> SiteFile:
        return SiteFile(path=PurePosixPath(path), text=templates.get_template(name).render(values, **more), mode=mode)

    module = f"modulefiles/{contents.name}/{contents.version}"
    files = [
        render("jobqueue.yaml.j2", "dask/jobqueue.yaml"),
        render("enter.sh.j2", "libexec/enter.sh"),
        render("settings.sh.j2", "libexec/settings.sh"),
        render("run.j2", "libexec/run", 0o755),
        render("modulefile.tcl.j2", module),
        render("modulefile.lua.j2", f"{module}.lua"),
        *(render(f"{job}.sh.j2", f"jobs/{job}.sh", 0o755, directives=job_directives(site, job)) for job in _JOBS),
    ]
    # A virtual environment's Python looks beside the programs for what belongs to them.
    prefix = PurePosixPath(contents.bin_folder).parent
    files += [SiteFile(path=PurePosixPath(name), target=str(prefix / name)) for name in ("include", "lib", "share")]
    # Dask reads one folder of settings for all users, and the image has one already. On the host they lead nowhere.
    files += [
        SiteFile(path=PurePosixPath("dask", f"image-{PurePosixPath(path).name}"), target=path)
        for path in contents.dask_files
    ]
    for program in contents.programs:
        inside = PurePosixPath(contents.bin_folder, program)
        files.append(render("program.j2", f"bin/{program}", 0o755, program=program))
        files.append(SiteFile(path=PurePosixPath("inside", program), target=str(inside)))
    if site.submit == "ssh":
        for program in QUEUE_PROGRAMS[site.scheduler]:
            lines = shim_lines(program, str(site.submit_host))
            files.append(render("shim.j2", f"shims/{program}", 0o755, lines=lines))
    return tuple(sorted(files, key=lambda file: file.path))


def make_templates() -> Environment:
    """Return the templates of the package, with a filter for each language that they are in."""
    templates = Environment(
        loader=PackageLoader("bindery.sif.sites"),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - no HTML; each language has its own filter
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {
        "shell": quote_shell,
        "expanding": quote_expanding,
        "tcl": quote_tcl,
        "lua": quote_lua,
        "yaml": quote_yaml,
        "comment": quote_comment,
        "variables": variable_names,
    }
    return templates


def _check_path(path: Path) -> None:
    text = str(path)
    if any(one in text for one in ':,"'):
        raise BadInput("has a colon, a comma or a double quote, which no list of paths can", text, "use another folder")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadInput("is not UTF-8", repr(text), "use another folder") from error
