"""Sites and SIFs that nothing is asked of but to be written about."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
import uuid
from typing import TYPE_CHECKING, Protocol

import pytest

from bindery.core import digest_bytes
from bindery.sif.format import NewObject, SifIdentity, write_sif
from bindery.sif.sites import Site, read_site
from bindery.sif.sites.contents import SifContents

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

LABELS = {"bindery.environment": "ocean", "bindery.release": "2026.11.22"}
VARIABLES = (
    "PATH=/srv/conda/envs/notebook/bin",
    "CONDA_PREFIX=/srv/conda/envs/notebook",
    "DASK_ROOT_CONFIG=/srv/conda/etc",
)
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
        dask_files=("/srv/conda/etc/dask.yaml",),
    )


class MakeSif(Protocol):
    """Called with labels, variables and the names of programs; writes a small SIF."""

    def __call__(
        self,
        labels: Mapping[str, str] = LABELS,
        variables: Sequence[str] = VARIABLES,
        programs: Sequence[str] = ("python", "python3", "dask", "clear"),
    ) -> Path:
        """Return the path of the SIF."""


@pytest.fixture
def make_sif(tmp_path: Path) -> MakeSif:
    """Return a function that writes a SIF with programs that are empty; each call writes it anew."""

    def make(
        labels: Mapping[str, str] = LABELS,
        variables: Sequence[str] = VARIABLES,
        programs: Sequence[str] = ("python", "python3", "dask", "clear"),
    ) -> Path:
        root = io.BytesIO()
        with tarfile.open(fileobj=root, mode="w") as tar:
            for path in (*(f"envs/notebook/bin/{name}" for name in programs), "etc/dask.yaml", "etc/more/x.yaml"):
                tar.addfile(tarfile.TarInfo(f"srv/conda/{path}"))
        packed = tmp_path / "root.sqfs"
        subprocess.run(["tar2sqfs", "-q", "-f", str(packed)], input=root.getvalue(), check=True)
        inspected = {"data": {"attributes": {"labels": dict(labels)}}}
        objects = (
            NewObject(kind="json", name="inspect-metadata.json", content=json.dumps(inspected).encode()),
            NewObject(kind="json", name="oci-config.json", content=json.dumps({"Env": list(variables)}).encode()),
            NewObject(kind="partition", content=packed.read_bytes()),
        )
        path = tmp_path / "small.sif"
        write_sif(path, objects, SifIdentity(architecture="amd64", uuid=uuid.UUID(int=7), created_s=0))
        return path

    return make
