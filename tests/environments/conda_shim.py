"""As much of conda's command line as ``conda-lock lock --conda`` calls, over rattler: so that conda-lock itself locks.

The records of every channel that has a name are those below ``SHIM_CHANNEL``.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import rattler

TRUE_URL = "https://conda.anaconda.org/"


def main(words: list[str]) -> None:
    """Answer one call, and end without the interpreter's own end, in which rattler's threads can abort."""
    if words[0] == "create":
        answer: object = {"success": True, "actions": {"FETCH": asyncio.run(create(words[1:])), "LINK": []}}
    else:
        answer = {"pkgs_dirs": []}
    sys.stdout.write(json.dumps(answer))
    sys.stdout.flush()
    os._exit(0)


async def create(words: list[str]) -> list[dict[str, object]]:
    """Return what conda would fetch for these words."""
    names: list[str] = []
    virtual: list[rattler.GenericVirtualPackage] = []
    specs: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--channel":
            channel = next(rest)
            found = read_virtual(channel)
            virtual += found
            names += [] if found else [channel]
        elif word == "--prefix":
            next(rest)
        elif not word.startswith("-"):
            specs.append(word)
    local = rattler.Channel(Path(os.environ["SHIM_CHANNEL"]).as_uri() + "/")
    (name,) = names
    solved = await rattler.solve(
        [local],
        specs,
        gateway=rattler.Gateway(cache_dir=Path(os.environ["SHIM_CHANNEL"]).with_name("shim-cache")),
        platforms=[rattler.Subdir(os.environ["CONDA_SUBDIR"]), rattler.Subdir("noarch")],
        virtual_packages=virtual,
    )
    return [describe(record, local, f"{TRUE_URL}{name}/") for record in solved]


def read_virtual(channel: str) -> list[rattler.GenericVirtualPackage]:
    """Return the virtual packages that conda-lock hands over as a channel of its own; none if it is another."""
    path = Path(unquote(urlsplit(channel).path)) / os.environ["CONDA_SUBDIR"] / "repodata.json"
    if not channel.startswith("file://") or not path.is_file():
        return []
    records = json.loads(path.read_text(encoding="utf-8"))["packages"].values()
    newest = {
        record["name"]: record for record in sorted(records, key=lambda record: rattler.Version(record["version"]))
    }
    return [
        rattler.GenericVirtualPackage(
            rattler.PackageName(record["name"]),
            rattler.Version(record["version"]),
            rattler.BuildString(record["build_string"] or "0"),
        )
        for record in newest.values()
    ]


def describe(record: rattler.RepoDataRecord, local: rattler.Channel, true: str) -> dict[str, object]:
    """Return the record as conda prints it."""
    return {
        "name": record.name.normalized,
        "version": str(record.version),
        "url": record.url.replace(local.base_url, true),
        "fn": record.file_name,
        "channel": true,
        "md5": record.md5.hex() if record.md5 else None,
        "sha256": record.sha256.hex() if record.sha256 else None,
        "depends": record.depends,
        "constrains": record.constrains,
        "subdir": record.subdir,
        "timestamp": 0,
    }


if __name__ == "__main__":
    main(sys.argv[1:])
