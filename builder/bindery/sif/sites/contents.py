"""What a SIF holds that a site's files speak of: its environment, and the programs that people type."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from bindery.core import BadInput, digest_file
from bindery.sif.format import read_object, read_sif
from bindery.sif.unsquash import Unsquash

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bindery.core import Digest, Json
    from bindery.sif.format import Sif

PROGRAMS = re.compile(
    r"python3?(?:\.\d+)?|pip3?|ipython3?|jupyter(?:-[a-z-]+)?|jupyterhub-singleuser|batchspawner-singleuser"
    r"|dask(?:-[a-z]+)?|papermill|pytest|nc(?:dump|copy|gen3?|ks|ra|rcat|ap2|wa)|cdo|rio|fio|h5[a-z]+"
    r"|gdal[a-z_]*|ogr[a-z_]*|proj|cs2cs|eccodes_[a-z]+|grib_[a-z]+"
)
"""What is wrapped: the programs of this field. An environment's ``clear`` or ``openssl`` is not."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_FIX = "make one of this project's images: bindery sif"


@dataclass(frozen=True, kw_only=True, slots=True)
class SifContents:
    """A SIF at ``path``, the bytes of which have the digest.

    ``name`` and ``version`` are the environment's; ``bin_folder`` is where its programs are, inside; ``programs`` are
    the names of those that people type, sorted. ``dask_files`` are the paths, inside, of the image's settings of Dask.
    """

    path: Path
    digest: Digest
    name: str
    version: str
    bin_folder: str
    programs: tuple[str, ...]
    dask_files: tuple[str, ...] = ()


def read_contents(path: Path) -> SifContents:
    """Return what the SIF holds.

    Raises:
        BadInput: it is no SIF, or its image has no environment of Bindery's.

    """
    sif = read_sif(path)
    labels = _labels(sif)
    name, version = labels.get("bindery.environment", ""), labels.get("bindery.release", "")
    variables = _variables(sif)
    prefix = variables.get("CONDA_PREFIX")
    if not _NAME.fullmatch(name) or not prefix:
        raise BadInput("does not say which environment it holds", str(path), _FIX)
    bin_folder = str(PurePosixPath(prefix, "bin"))
    settings = variables.get("DASK_ROOT_CONFIG", "").rstrip("/")
    names = _names(sif, (bin_folder, settings))
    programs = tuple(name for name in names[bin_folder] if PROGRAMS.fullmatch(name))
    if "python" not in programs:
        raise BadInput(f"has no {bin_folder}/python", str(path), _FIX)
    version = version if _NAME.fullmatch(version) else sif.uuid.hex[:12]
    return SifContents(
        path=path.absolute(),
        digest=digest_file(path),
        name=name,
        version=version,
        bin_folder=bin_folder,
        programs=programs,
        dask_files=tuple(f"{settings}/{name}" for name in names[settings] if name.endswith((".yaml", ".yml"))),
    )


def _labels(sif: Sif) -> dict[str, str]:
    match _json(sif, "inspect-metadata.json"):
        case {"data": {"attributes": {"labels": dict(labels)}}}:
            return {name: value for name, value in labels.items() if isinstance(value, str)}
        case _:
            return {}


def _variables(sif: Sif) -> dict[str, str]:
    """Return the variables that the image's configuration has."""
    match _json(sif, "oci-config.json"):
        # The whole configuration, or what Apptainer keeps of it.
        case {"config": {"Env": list(listed)}} | {"Env": list(listed)}:
            pairs = (one.partition("=") for one in listed if isinstance(one, str))
            return {name: value for name, _, value in pairs}
        case _:
            return {}


def _json(sif: Sif, name: str) -> Json:
    wanted = sif.named("json", name)
    try:
        value: Json = None if wanted is None else json.loads(read_object(sif, wanted))
    except ValueError as error:
        raise BadInput(f"{name} is not JSON", str(sif.path), _FIX) from error
    return value


def _names(sif: Sif, folders: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the names in each of the folders of the file system, sorted; an empty folder is none."""
    rootfs = sif.rootfs
    found: dict[str, list[str]] = {folder: [] for folder in folders}
    by_path = {folder.strip("/"): names for folder, names in found.items() if folder}
    with sif.path.open("rb") as stream:
        for node in Unsquash(stream, rootfs.offset_bytes, rootfs.size_bytes, str(sif.path)).nodes():
            above, _, name = node.path.rpartition("/")
            if above in by_path:
                by_path[above].append(name)
    return {folder: tuple(sorted(names)) for folder, names in found.items()}
