"""Two images whose environments differ by a package, to be looked at and compared."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.images.verify.images import Made, Member, Members, config_of, store

from bindery.images.manifest import CONFIG, Descriptor, HistoryEntry, encode_config, parse_config

if TYPE_CHECKING:
    from tests.images.verify.images import Stored

    from bindery.images import Layout

PREFIX = "srv/conda/envs/notebook"
BASE: Members = (Member(name="usr/bin/bash", data=b"b" * 500, mode=0o755),)
REPOSITORY: Members = (Member(name="home/jovyan/one.ipynb", data=b"{}"),)


def package(name: str, version: str, size_bytes: int) -> Members:
    """Return a package of one file, and its record."""
    path = f"lib/{name}.py"
    record = {
        "name": name,
        "version": version,
        "build": "0",
        "sha256": hashlib.sha256(f"{name} {version}".encode()).hexdigest(),
        "files": [path, "lib/not-there"],
    }
    meta = Member(name=f"{PREFIX}/conda-meta/{name}-{version}-0.json", data=json.dumps(record).encode())
    return (Member(name=f"{PREFIX}/{path}", data=b"x" * size_bytes), meta)


def image(release: str, *layers: tuple[str, Members]) -> Stored:
    """Return the image of the layers, with their titles."""
    titled = (("base", BASE), *layers, ("bindery: repository", REPOSITORY))
    labels = {"bindery.environment": "pangeo", "bindery.release": release, "bindery.packages": "wheels"}
    plain = config_of(env=("PATH=/usr/bin",), labels=labels)
    history = tuple(HistoryEntry(created_by=title) for title, _ in titled)
    config = parse_config(encode_config(replace(plain, history=history)), "made")
    return store(Made(layers=tuple(members for _, members in titled), config=config, annotations=dict(labels)))


BEFORE = image(
    "2025.08.14",
    ("bindery: numpy", package("numpy", "2.2.6", 1000)),
    ("bindery: packages 01", (*package("dask", "1", 300), *package("zarr", "3", 200))),
)
AFTER = image(
    "2025.09.01",
    ("bindery: numpy", package("numpy", "2.3.0", 1500)),
    ("bindery: packages 01", (*package("dask", "1", 300), *package("xarray", "1", 50))),
)


def write(stored: Stored, layout: Layout, name: str) -> None:
    """Let the layout have the image under this name."""
    for blob in stored.blobs.values():
        layout.write_blob(blob)
    layout.write_blob(stored.manifest.raw)
    config = Descriptor(media_type=CONFIG, digest=stored.config.digest, size_bytes=len(stored.config.raw))
    assert stored.manifest.config == config
    layout.tag(name, stored.manifest.descriptor)
