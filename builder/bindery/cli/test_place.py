"""Where ``bindery test`` runs: on this machine, inside a SIF, or with workers of a site or a gateway."""

from __future__ import annotations

import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bindery.core import BadInput, WrongUse, disk_errors

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from bindery.core import Settings
    from bindery.notebooks import Target
    from bindery.sif.sites import Site

_VARIABLE = re.compile(r"\$(?:[A-Za-z_][A-Za-z0-9_]*|\{[A-Za-z_][A-Za-z0-9_]*\})")


@dataclass(frozen=True, kw_only=True, slots=True)
class TestPlace:
    """The site, if workers are jobs; the SIF, if there is one; the site's scratch, which all its nodes see."""

    __test__ = False  # pytest would collect it
    site: Site | None = None
    sif: Path | None = None
    scratch: Path | None = None

    @property
    def is_inside(self) -> bool:
        """Whether kernels and scheduler run inside the SIF as well."""
        return self.sif is not None and (self.site is None or self.site.submit == "ssh")

    def open_target(self) -> AbstractContextManager[Target]:
        """Return a context that holds the inside of the SIF as what notebooks are tested in."""
        from bindery.notebooks.sif_target import open_sif_target  # noqa: PLC0415 - seldom needed

        assert self.sif is not None, "only where is_inside holds"  # noqa: S101 - the caller has asked
        return open_sif_target(self.sif, self.site, self.scratch or Path(tempfile.gettempdir()), os.environ)


def read_place(settings: Settings, site: str | None, sif: Path | None) -> TestPlace:
    """Return what the two options say.

    Raises:
        BadInput: there is no such site or file, or the site's scratch is none here.
        WrongUse: the site wants a SIF and there is none.

    """
    if sif is not None and not sif.is_file():
        raise BadInput("there is no such file", str(sif), "make it: bindery sif IMAGE -o FILE")
    file = None if sif is None else sif.absolute()
    if site is None:
        return TestPlace(sif=file)
    from bindery.sif.sites import read_site  # noqa: PLC0415 - seldom needed

    found = read_site(site, settings.root)
    for key, value in found.placeholders:
        raise BadInput(f"{key} is still {value}", str(found.path), "fill it in")
    if found.submit == "ssh" and file is None:
        raise WrongUse(f"{found.name} submits by ssh from inside a SIF: name it with --sif")
    return TestPlace(site=found, sif=file, scratch=_open_scratch(found))


def refuse_places(
    place: TestPlace, prefix: Path | None, environment: str | None, scheduler: str | None, size: tuple[object, ...]
) -> None:
    """Refuse options that contradict the place; ``size`` is the threads and memory of a worker.

    Raises:
        WrongUse: they do.

    """
    if place.site is not None and scheduler is not None:
        raise WrongUse("--site and --scheduler exclude each other: each says where workers are")
    if place.site is not None and any(size):
        raise WrongUse(f"--threads and --memory are for workers of ours: those of {place.site.name} are in its file")
    if place.sif is not None and scheduler is not None:
        raise WrongUse("--sif and --scheduler exclude each other: the workers are somebody else's")
    if place.is_inside and (prefix is not None or environment is not None):
        raise WrongUse("everything runs inside the SIF: leave --prefix and --environment out")


def refuse_gateway(
    gateway: str | None, scheduler: str | None, site: str | None, sif: Path | None, size: tuple[object, ...]
) -> None:
    """Refuse a gateway's URL that is none or holds a secret, and what contradicts a gateway.

    Raises:
        WrongUse: there is something to refuse; a secret is not repeated.

    """
    if gateway is None:
        return
    if scheduler is not None or site is not None or sif is not None:
        raise WrongUse("--gateway excludes --scheduler, --site and --sif: each says where workers are")
    if any(size):
        raise WrongUse("--threads and --memory are for workers of ours: the gateway's are in gateway.cluster.options")
    parts = urlsplit(gateway)
    if parts.username is not None or parts.password is not None:
        raise WrongUse("--gateway takes no user or password: DASK_GATEWAY__AUTH__KWARGS does, where nobody sees them")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise WrongUse(f"--gateway {gateway}: this is no URL of a gateway, such as https://gateway.example.org")


def _open_scratch(site: Site) -> Path:
    text = os.path.expandvars(site.scratch)
    unset = _VARIABLE.search(text)
    if unset:
        what = f"scratch names {unset[0]}, which is not set here"
        raise BadInput(what, str(site.path), "set it, or write the folder itself")
    folder = Path(text)
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder
