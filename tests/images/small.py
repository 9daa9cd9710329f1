"""A small environment and a small base, made of values: the same wherever and by whomever they are made.

As a program, ``python -m tests.images.small FOLDER``, it builds an image of them and prints what ``fingerprint`` says.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bindery.core import NoProgress, Store, digest_bytes
from bindery.core.tarstreams import bytes_member, folder_member, link_member
from bindery.images import Image, Layout, parse_manifest, read_image, store_layout
from bindery.images.assemble import ImageRecipe, assemble_image
from bindery.images.environment_layers import ensure_environment_layers
from bindery.images.layer_plan import LARGE_BYTES
from bindery.images.layers import write_layer
from bindery.images.manifest import CONFIG, ConfigFields, Descriptor, encode_config, encode_manifest
from bindery.prefixes import LinkedPrefix
from bindery.prefixes.linked_record import LINK_MODE, LinkedEntry

if TYPE_CHECKING:
    from collections.abc import Mapping

TARGET = "/srv/conda/envs/notebook"


@dataclass(frozen=True, kw_only=True, slots=True)
class Small:
    """A file of a package, or a link if it has a ``target``."""

    package: str
    data: bytes = b""
    mode: int = 0o644
    target: str = ""


FILES: Mapping[str, Small] = {
    "bin/python": Small(package="python", target="python3.12"),
    "bin/python3.12": Small(package="python", data=b"\x7fELF" + bytes(range(256)) * 5000, mode=0o755),
    "bin/dask": Small(package="dask", data=f"#!{TARGET}/bin/python\n".encode(), mode=0o755),
    "conda-meta/dask-1-0.json": Small(package="dask", data=b"{}"),
    "conda-meta/history": Small(package=""),
    "lib/dask/__init__.py": Small(package="dask", data=b"version = 1\n" * 100),
    "lib/numpy/__init__.py": Small(package="numpy", data=b"version = 2\n" * 100),
    "lib/numpy/\udcff.txt": Small(package="numpy", data=b"a name that is not UTF-8"),
    f"lib/{'long' * 30}/name": Small(package="xarray", data=b"x"),
    "share/zones/Réunion": Small(package="tzdata", data=b"TZif"),
}
ARCHIVES = {"python": LARGE_BYTES, "dask": 10, "numpy": 20, "xarray": 30, "tzdata": 40}


def write_linked(root: Path, files: Mapping[str, Small]) -> LinkedPrefix:
    """Return the environment of the files, which are below ``root`` now."""
    for path, small in files.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if small.target:
            place.symlink_to(small.target)
        else:
            place.write_bytes(small.data)
            place.chmod(0o555 if small.mode & 0o100 else 0o444)
    return LinkedPrefix(
        root=root,
        target=TARGET,
        platform="linux-64",
        label="Small 1",
        lock_digest=digest_bytes(b"lock"),
        entries={path: _entry(small) for path, small in sorted(files.items())},
        variables={},
        python_version="3.12.11",
        bytecode="3.12.11",
        archives={name: size for name, size in ARCHIVES.items() if any(one.package == name for one in files.values())},
    )


def _entry(small: Small) -> LinkedEntry:
    if small.target:
        return LinkedEntry(
            package=small.package, kind="link", sha256="", size_bytes=0, mode=LINK_MODE, target=small.target
        )
    return LinkedEntry(
        package=small.package,
        kind="file",
        sha256=hashlib.sha256(small.data).hexdigest(),
        size_bytes=len(small.data),
        mode=small.mode,
        target="",
    )


def write_base(layout: Layout) -> Image:
    """Return an image of two files, which is in the layout now."""
    members = [
        folder_member("tmp"),
        bytes_member("etc/passwd", b"root:x:0:0::/root:/bin/sh\n"),
        link_member("bin", "usr/bin"),
        replace(bytes_member("home/jovyan/hello", b"hello\n"), uid=1000, gid=1000),
    ]
    layer = write_layer(members, layout, title="base")
    fields = ConfigFields(os="linux", architecture="amd64", env=("PATH=/bin", "LANG=C"), diff_ids=(layer.diff_id,))
    raw_config = encode_config(fields)
    config = Descriptor(media_type=CONFIG, digest=layout.write_blob(raw_config), size_bytes=len(raw_config))
    raw = encode_manifest(config, [layer.descriptor])
    layout.write_blob(raw)
    layout.tag("base", parse_manifest(raw, "base").descriptor)
    return read_image(layout, "base")


def build_small(folder: Path, files: Mapping[str, Small] = FILES) -> Image:
    """Return an image of the environment of the files, made in a store in the folder."""
    return build_linked(write_linked(folder / "linked", files), Store(folder / "store"))


def build_linked(linked: LinkedPrefix, store: Store) -> Image:
    """Return an image of the environment, made in the store."""
    layout = store_layout(store)
    recipe = ImageRecipe(
        base=write_base(layout),
        layers=ensure_environment_layers(linked, layout, store, NoProgress()),
        env={"PATH": f"{TARGET}/bin:/bin", "A": "1"},
        labels={"b": "2", "a": "1"},
        annotations={"z": "é", "y": "1"},
        entrypoint=("/usr/local/bin/start",),
        cmd=("jupyter", "lab"),
        user="1000:1000",
        working_dir="/home/jovyan",
        ports=("8888/tcp",),
    )
    return assemble_image(recipe, layout, "small:1")


def fingerprint(image: Image) -> str:
    """Return the digests of manifest and configuration, and every diff ID, a line each."""
    return "\n".join(map(str, (image.digest, image.config.digest, *image.config.diff_ids)))


if __name__ == "__main__":
    print(fingerprint(build_small(Path(sys.argv[1]))))  # noqa: T201 - what the test reads
