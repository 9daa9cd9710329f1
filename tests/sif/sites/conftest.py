"""Sites and SIFs that nothing is asked of but to be written about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

from bindery.core import digest_bytes
from bindery.sif.sites import Site, read_site
from bindery.sif.sites.contents import SifContents

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = """\
scheduler: {scheduler}
cores: 24
processes: 8
memory: 120GB
walltime: 01:00:00
scratch: {scratch}
"""


class MakeSite(Protocol):
    """Called with a scheduler and further lines of the site's file."""

    def __call__(self, scheduler: str, more: str = "") -> Site:
        """Return the site."""


@pytest.fixture
def make_site(tmp_path: Path) -> MakeSite:
    """Return a function that makes a site, whose scratch is a folder of the test's."""

    def make(scheduler: str, more: str = "") -> Site:
        path = tmp_path / "site.yaml"
        path.write_text(PLAIN.format(scheduler=scheduler, scratch=tmp_path / "scratch") + more, encoding="utf-8")
        return read_site(path, tmp_path)

    return make


@pytest.fixture
def contents(tmp_path: Path) -> SifContents:
    """Return what a SIF holds that is not there."""
    return SifContents(
        path=tmp_path / "my 'images'/hpc.sif",
        digest=digest_bytes(b""),
        name="pangeo",
        version="2026.11.22",
        bin_folder="/srv/conda/envs/notebook/bin",
        programs=("dask", "jupyter", "python", "python3"),
    )
