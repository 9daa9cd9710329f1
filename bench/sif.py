"""SIFs, beside what Apptainer makes of the same image; and many processes that import from one.

Apptainer is the tests' own (``make testbed``). The image is that of ``environments/pangeo`` in wheels. Apptainer reads
it from an OCI layout in the same folder, so neither side has a network or a daemon in its way.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from bindery.core import Store, ToolFailed
from bindery.images import make_layout, read_image, store_layout
from frame import ROOT, Case, Measured, program
from images import kept_base, need
from memory import peak_bytes

if TYPE_CHECKING:
    from tests.testbed.apptainer import Apptainer

    from bindery.images import Image
    from frame import Place

MEGABYTE = 1_000_000
NAME = "bindery-bench/sif:1"
SAME = ("--mksquashfs-args", "-comp gzip -Xcompression-level 1")
PROCESSES = 16
IMPORTS = "import xarray, dask.array, dask.dataframe, distributed, zarr, numcodecs, fsspec, matplotlib.pyplot"


@dataclass(frozen=True, kw_only=True, slots=True)
class Built:
    """A file that Apptainer made, and what that took."""

    took_s: float
    file: Path


def defaults(place: Place) -> Measured:
    """Make a SIF as each side does if it is told nothing more."""
    image = prepare(place)
    return Measured(ours=convert(place), theirs=apptainer_build(place, image).took_s)


def same_compressor(place: Place) -> Measured:
    """Make a SIF, both with gzip's first level."""
    image = prepare(place)
    return Measured(ours=convert(place), theirs=apptainer_build(place, image, *SAME).took_s)


def size(place: Place) -> Measured:
    """Look at how large the files are."""
    theirs = apptainer_build(place, prepare(place)).file.stat().st_size
    convert(place)
    return Measured(ours=target(place).stat().st_size / MEGABYTE, theirs=theirs / MEGABYTE)


def memory(place: Place) -> Measured:
    """Make it once more, and look at the memory, with that of the packer."""
    prepare(place)
    return Measured(ours=peak_bytes(words(place), env=place.environ, cwd=ROOT) / MEGABYTE, theirs=300)


def imports(place: Place) -> Measured:
    """Import in 16 processes at once, in the SIF through FUSE and from a local prefix; both have been read before."""
    prepare(place)
    convert(place)
    prefix = Path(place.output(program("bindery"), "install", "pangeo", "--packages", "wheels", "--quiet"))
    script = f'for i in $(seq {PROCESSES}); do "$0" -c \'{IMPORTS}\' & pids="$pids $!"; done; wait $pids'
    # A name space of its own is what an ordinary user has: there the file is mounted through FUSE.
    inside = [apptainer().program, "exec", "--userns", target(place), "sh", "-c", script]
    took = []
    for command in ([*inside, "python"], ["sh", "-c", script, prefix / "bin" / "python"]):
        place.time(*command, env=apptainer().environ)
        took.append(place.time(*command, env=apptainer().environ))
    return Measured(ours=took[0], theirs=took[1])


def prepare(place: Place) -> Image:
    """Return the image, which is in the store."""
    need("tar2sqfs", "mksquashfs")
    base = kept_base(place)
    first = ["--base", f"oci:{base}"] if base.exists() else ["--base", "debian:bookworm", "--keep-base", str(base)]
    project = place.folder / "project"  # the build writes down which base it took
    for name in ("environments", "notebooks"):
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("input", ".*", "__pycache__"))
    shutil.copyfile(ROOT / "bindery.toml", project / "bindery.toml")
    making = ["build", "pangeo", "--packages", "wheels", "--tag", NAME, "--quiet", *first]
    place.time(program("bindery"), *making, cwd=project)
    return read_image(store_layout(Store(place.store)), NAME)


def target(place: Place) -> Path:
    """Return where our file goes."""
    return place.folder / "ours.sif"


def words(place: Place) -> list[str | Path]:
    """Return what makes it."""
    return [program("bindery"), "sif", NAME, "-o", target(place), "--force", "--quiet"]


def convert(place: Place) -> float:
    """Return the seconds that we take."""
    return place.time(*words(place))


def apptainer_build(place: Place, image: Image, *options: str) -> Built:
    """Return what Apptainer makes of the image with these options; once for all cases."""
    key = " ".join((str(image.digest), *options))
    if key not in _BUILT:
        layout = workshop() / "layout"
        if not layout.exists():
            lay_out(image, layout)
        file = workshop() / f"{len(_BUILT)}.sif"
        command = [apptainer().program, "build", *options, file, f"oci:{layout}"]
        _BUILT[key] = Built(took_s=place.time(*command, env=apptainer().environ), file=file)
    return _BUILT[key]


_BUILT: dict[str, Built] = {}


def lay_out(image: Image, folder: Path) -> None:
    """Have a layout in the folder that holds this image and no other; the blobs are copied beforehand."""
    layout = make_layout(folder)
    for one in (image.descriptor, image.manifest.config, *image.manifest.layers):
        with image.layout.open_blob(one.digest) as stored, layout.blob_writer(one.digest) as writer:
            while piece := stored.read(1 << 20):
                writer.write(piece)
    layout.tag("image", image.descriptor)


@cache
def workshop() -> Path:
    """Return a folder that is there until all is measured."""
    folder = tempfile.TemporaryDirectory(prefix="bindery-bench-sif-")
    atexit.register(folder.cleanup)
    return Path(folder.name)


@cache
def apptainer() -> Apptainer:
    """Return an Apptainer that is there until all is measured.

    Raises:
        ToolFailed: it is missing.

    """
    sys.path.append(str(ROOT))
    from tests.testbed.apptainer import unpack_apptainer  # noqa: PLC0415 - found just now

    if os.geteuid() != 0:
        raise ToolFailed("is unpacked by root alone", "Apptainer", "run it as root, or leave the case out")
    opened = ExitStack()
    atexit.register(opened.close)
    try:
        return opened.enter_context(unpack_apptainer())
    except AssertionError as error:  # what the test bed says
        raise ToolFailed(str(error), "Apptainer", "make testbed") from error


CASES = (
    Case(name="sif", beside="apptainer build", ratio=1 / 6, measure=defaults),
    Case(name="sif-same-compressor", beside="apptainer build, gzip level 1", ratio=1 / 2, measure=same_compressor),
    Case(name="sif-size", beside="apptainer build", ratio=1.1, measure=size, unit="MB"),
    Case(name="sif-memory", beside="the most it may take", ratio=1, measure=memory, unit="MB"),
    Case(name="sif-imports", beside="16 processes in a local prefix", ratio=1.5, measure=imports),
)
