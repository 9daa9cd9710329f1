"""Sites: places where SIFs run, described in ``binder/sites/<name>.yaml``."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bindery.core import Digest

Scheduler: TypeAlias = Literal["slurm", "pbs"]
SubmitFrom: TypeAlias = Literal["host", "ssh"]
AtLeastOne: TypeAlias = Annotated[int, Field(ge=1)]

DEFAULT_ENVIRON = {
    # Parallel file systems seldom have the locks that HDF5 asks for, and then no file can be opened.
    "HDF5_USE_FILE_LOCKING": "FALSE",
    # Dask has a thread for each core already; a library with as many again makes all of them slower.
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
"""Variables of every job, unless the site's own ``environ`` says otherwise."""

_PLACEHOLDER = re.compile(r"<[^<>\n]+>")


@dataclass(frozen=True, kw_only=True, slots=True)
class Singularity:
    """How Singularity, or Apptainer, is called on the site's nodes.

    ``module`` is loaded first, where the site has it as a module; ``options`` follow ``exec`` and ``run``.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}
    command: str = "singularity"
    options: tuple[str, ...] = ()
    module: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SiteKeys:
    """The keys of a site's file, in the order in which they are listed for people.

    ``cores``, ``memory`` and ``walltime`` are of one job, ``processes`` are the workers in it. In folders, binds and
    ``environ``, ``$NAME`` and ``${NAME}`` stand for variables of the node where they are used, and nothing else is
    special. ``scratch`` is seen by every node; ``local_directory`` is a node's own. ``directives`` are what follows
    ``#SBATCH`` or ``#PBS`` in further lines.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}
    scheduler: Scheduler
    cores: AtLeastOne
    memory: str
    walltime: str
    scratch: str
    title: str = ""
    queue: str | None = None
    account: str | None = None
    processes: AtLeastOne = 1
    interface: str | None = None
    local_directory: str = "$TMPDIR"
    binds: tuple[str, ...] = ()
    singularity: Singularity = field(default_factory=Singularity)
    environ: dict[str, str] = field(default_factory=dict)
    submit: SubmitFrom = "host"
    submit_host: str | None = None
    directives: tuple[str, ...] = ()
    no_proxy: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Site(SiteKeys):
    """A site, as its file describes it; ``path`` is that file and ``digest`` is of its bytes."""

    name: str
    path: Path
    digest: Digest

    @property
    def placeholders(self) -> tuple[tuple[str, str], ...]:
        """The keys whose value nobody has filled in yet, such as ``<your project>``, with that value."""
        return tuple((key, value) for key, value in _texts(self) if _PLACEHOLDER.search(value))


def site_environ(site: Site) -> dict[str, str]:
    """Return the variables that every job of the site has; ``$NAME`` in them is still to be expanded, on the node.

    The folders of temporary files and of Singularity's cache are on scratch: in a user's home they would use up the
    quota, and in a node's memory they would use up the memory.
    """
    cache = f"{site.scratch}/singularity"
    places = {
        "TMPDIR": site.local_directory,
        **{f"{tool}_{what}": cache for tool in ("APPTAINER", "SINGULARITY") for what in ("CACHEDIR", "TMPDIR")},
    }
    if site.local_directory == "$TMPDIR":
        # The scheduler has set it, and made the folder.
        del places["TMPDIR"]
    hosts = ",".join(("localhost", "127.0.0.1", *site.no_proxy))
    return {**DEFAULT_ENVIRON, **places, "no_proxy": hosts, "NO_PROXY": hosts, **site.environ}


def _texts(site: Site) -> Iterator[tuple[str, str]]:
    for one in fields(site):
        value = getattr(site, one.name)
        match value:
            case str():
                yield one.name, value
            case tuple():
                yield from ((f"{one.name}[{index}]", item) for index, item in enumerate(value))
            case dict():
                yield from ((f"{one.name}.{key}", item) for key, item in value.items())
            case Singularity():
                yield "singularity.command", value.command
                yield from ((f"singularity.options[{index}]", item) for index, item in enumerate(value.options))
                if value.module:
                    yield "singularity.module", value.module
