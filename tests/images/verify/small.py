"""A small image with one of everything: a base, a runtime layer, an environment of four packages, a repository."""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.images.verify.images import Made, Member, Members, config_of, folder, link, store

from bindery.core import Digest, NoProgress
from bindery.core.tarstreams import TarMember, bytes_member, folder_member, link_member
from bindery.images.verify.expected import BaseContent, ExpectedImage, Part
from bindery.prefixes import LinkedEntry, LinkedPrefix

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "srv/conda/envs/notebook"
SITE = "lib/python3.12/site-packages"
USER = (1000, 1000)
_DICE = random.Random(20261122)  # noqa: S311 - not a secret


def _bytes(size: int) -> bytes:
    return _DICE.randbytes(size)


BASE: Members = (
    folder("./"),
    folder("./etc"),
    Member(name="./etc/passwd", data=b"root:x:0:0:root:/root:/bin/bash\n"),
    Member(name="./etc/group", data=b"root:x:0:\n"),
    Member(name="./etc/shadow", data=b"root:*:0:0:::::\n", mode=0o640, owner=(0, 42)),
    folder("./etc/profile.d"),
    folder("./tmp", mode=0o1777),
    folder("./usr"),
    folder("./usr/bin"),
    Member(name="./usr/bin/bash", data=_bytes(900), mode=0o755),
    Member(name="./usr/bin/su", data=_bytes(300), mode=0o4755),
    Member(name="./usr/bin/tini", data=_bytes(200), mode=0o755),
    folder("./usr/lib"),
    Member(name="./usr/lib/libc.so.6", data=_bytes(2000), mode=0o755),
    folder("./usr/local"),
    folder("./usr/local/bin"),
    link("./bin", "usr/bin"),
    link("./lib", "usr/lib"),
    folder("./home"),
    folder("./srv"),
)
BASE_ABOVE: Members = (
    Member(name="etc/ssl/certs/ca-certificates.crt", data=_bytes(500)),
    Member(name="usr/lib/locale/C.utf8", data=_bytes(100)),
)
RUNTIME: Members = (
    Member(name="usr/local/bin/repo2docker-entrypoint", data=b'#!/bin/bash\nexec "$@"\n', mode=0o755),
    Member(name="etc/profile.d/bindery.sh", data=b"export PATH\n"),
    Member(name="etc/passwd", data=b"root:x:0:0:root:/root:/bin/bash\njovyan:*:1000:1000::/home/jovyan:/bin/bash\n"),
    folder("home/jovyan", owner=USER),
    folder("srv/conda"),
    folder("srv/conda/etc"),
    Member(name="srv/conda/etc/dask.yaml", data=b"distributed: {}\n"),
)
REPOSITORY: Members = (
    folder("home/jovyan", owner=USER),
    Member(name="home/jovyan/one.ipynb", data=b'{"cells": []}', owner=USER),
    folder("home/jovyan/data", owner=USER),
    Member(name="home/jovyan/data/make.py", data=b"print(1)\n", owner=USER, mode=0o755),
    Member(name="home/jovyan/latest", kind=b"2", link="one.ipynb", owner=USER, mode=0o777),
)


def _package(name: str, files: Mapping[str, bytes], links: Mapping[str, str] | None = None) -> dict[str, Member]:
    """Return the package's members by path in the environment, its record among them."""
    members = {
        path: Member(name=f"{PREFIX}/{path}", data=data, mode=0o755 if path.startswith("bin/") else 0o644)
        for path, data in files.items()
    }
    members |= {path: link(f"{PREFIX}/{path}", target) for path, target in (links or {}).items()}
    paths = [{"_path": path, "sha256": hashlib.sha256(data).hexdigest()} for path, data in files.items()]
    record = f"conda-meta/{name}-1.0-0.json"
    text = json.dumps({"name": name, "paths_data": {"paths": paths}}, sort_keys=True).encode()
    return {**members, record: Member(name=f"{PREFIX}/{record}", data=text)}


PACKAGES: Mapping[str, Mapping[str, Member]] = {
    "python": _package(
        "python",
        {
            "bin/python3.12": _bytes(3000),
            "lib/libpython3.12.so": _bytes(4000),
            "lib/python3.12/os.py": b"import sys\n" * 40,
            "lib/python3.12/__pycache__/os.cpython-312.pyc": _bytes(600),
            "lib/python3.12/site.py": b"import os\n",
            "lib/python3.12/__pycache__/site.cpython-312.pyc": _bytes(300),
        },
        {"bin/python": "python3.12", "lib/libpython3.so": "libpython3.12.so"},
    ),
    "numpy": _package(
        "numpy",
        {
            f"{SITE}/numpy/__init__.py": b"from numpy import core\n" * 9,
            f"{SITE}/numpy/__pycache__/__init__.cpython-312.pyc": _bytes(400),
            f"{SITE}/numpy/core.so": _bytes(5000),
            f"{SITE}/numpy/linalg.py": b"def solve(): pass\n",
            f"{SITE}/numpy/__pycache__/linalg.cpython-312.pyc": _bytes(200),
        },
    ),
    "dask": _package(
        "dask",
        {
            "bin/dask": f"#!/{PREFIX}/bin/python\nfrom dask.cli import main\nmain()\n".encode(),
            f"{SITE}/dask/__init__.py": b"def compute(): pass\n",
            f"{SITE}/dask/__pycache__/__init__.cpython-312.pyc": _bytes(250),
            f"{SITE}/dask-1.0.dist-info/entry_points.txt": b"[console_scripts]\ndask = dask.cli:main\n",
            f"{SITE}/dask-1.0.dist-info/RECORD": b"dask/__init__.py,sha256=x,20\n",
        },
    ),
    "tzdata": _package("tzdata", {f"share/zoneinfo/Zone/{number}": _bytes(40) for number in range(12)}),
}
HISTORY = Member(name=f"{PREFIX}/conda-meta/history", data=b"")
ANNOTATIONS = {
    "bindery.environment": "tiny",
    "bindery.lock.digest": f"sha256:{'1' * 64}",
    "org.opencontainers.image.base.digest": f"sha256:{'2' * 64}",
}


def environment_layers() -> tuple[Members, ...]:
    """Return python and numpy alone, the others together, and what belongs to none."""
    buckets = (("python",), ("numpy",), ("dask", "tzdata"))
    layers = [with_folders(tuple(member for name in names for member in PACKAGES[name].values())) for names in buckets]
    return (*layers, with_folders((HISTORY,)))


def with_folders(members: Members) -> Members:
    """Return the members with the folders above them, each once, sorted by path as our layers are."""
    folders = set()
    for member in members:
        parts = member.name.split("/")[:-1]
        folders |= {"/".join(parts[:count]) for count in range(1, len(parts) + 1)}
    return tuple(sorted((*members, *map(folder, folders)), key=lambda one: one.name.encode()))


CONFIGURATION = config_of(
    env=(
        f"PATH=/home/jovyan/.local/bin:/{PREFIX}/bin:/usr/bin",
        "HOME=/home/jovyan",
        "PYTHONNOUSERSITE=1",
        f"CONDA_PREFIX=/{PREFIX}",
    ),
    labels={"bindery.environment": "tiny", "bindery.lock.digest": f"sha256:{'1' * 64}"},
    entrypoint=("/usr/bin/tini", "-s", "--", "/usr/local/bin/repo2docker-entrypoint"),
    cmd=("jupyter", "lab", "--ip", "0.0.0.0"),  # noqa: S104 - a container's own address
    user="1000:1000",
    working_dir="/home/jovyan",
    exposed_ports=("8888/tcp",),
)
CLEAN = Made(
    layers=(BASE, BASE_ABOVE, RUNTIME, *environment_layers(), REPOSITORY),
    config=CONFIGURATION,
    annotations=ANNOTATIONS,
)
BASE_LAYERS = 2


def linked_prefix() -> LinkedPrefix:
    """Return what the lock makes."""
    entries = {path: (name, member) for name, members in PACKAGES.items() for path, member in members.items()}
    entries["conda-meta/history"] = ("", HISTORY)
    return LinkedPrefix(
        root=Path("/nowhere"),
        target=f"/{PREFIX}",
        platform="linux-64",
        label="Tiny",
        lock_digest=Digest("sha256", "1" * 64),
        entries={path: _entry(*entries[path]) for path in sorted(entries)},
        variables={},
        python_version="3.12.1",
        bytecode="3.12.1",
        archives=dict.fromkeys(PACKAGES, 1000),
    )


def _entry(package: str, member: Member) -> LinkedEntry:
    return LinkedEntry(
        package=package,
        kind="file" if member.is_file else "link",
        sha256=hashlib.sha256(member.data).hexdigest() if member.is_file else "",
        size_bytes=len(member.data),
        mode=member.mode,
        target=member.link,
    )


def tar_member(member: Member) -> TarMember:
    """Return what a part is made of."""
    uid, gid = member.owner
    if member.is_file:
        made = bytes_member(member.name, member.data, member.mode)
    else:
        made = link_member(member.name, member.link) if member.link else folder_member(member.name)
    return replace(made, uid=uid, gid=gid)


def expected_image() -> ExpectedImage:
    """Return what the small image must be."""
    base = store(Made(layers=CLEAN.layers[:BASE_LAYERS], config=CONFIGURATION))
    contents = tuple(layer.content for layer in base.source.read(NoProgress()).layers)
    return ExpectedImage(
        linked=linked_prefix(),
        base=BaseContent(diff_ids=base.config.diff_ids, layers=contents),
        below=(Part(name="runtime", members=tuple(map(tar_member, RUNTIME))),),
        above=(Part(name="repository", members=tuple(map(tar_member, REPOSITORY))),),
        config=CONFIGURATION,
        annotations=ANNOTATIONS,
    )
