"""As much of conda's command line as ``conda-lock lock --conda`` calls, over the solver that Bindery uses.

So both sides of a measurement solve with the same program, from the same records: those below ``BENCH_CHANNEL``.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

from rattler import BuildString, Channel, Gateway, GenericVirtualPackage, PackageName, Subdir, Version, solve

TRUE_URL = "https://conda.anaconda.org/conda-forge"


def main(words: list[str]) -> None:
    """Answer one call."""
    if words[0] == "create":
        print(json.dumps({"success": True, "actions": {"FETCH": asyncio.run(create(words[1:])), "LINK": []}}))
    else:
        print(json.dumps({"pkgs_dirs": [os.environ.get("CONDA_PKGS_DIRS", "")]}))


async def create(words: list[str]) -> list[dict[str, object]]:
    """Return what would be fetched."""
    subdir, channels, specs = os.environ["CONDA_SUBDIR"], list[str](), list[str]()
    rest = iter(words)
    for word in rest:
        if word in {"--channel", "--prefix"}:
            value = next(rest)
            channels += [value] if word == "--channel" else []
        elif not word.startswith("-"):
            specs.append(word)
    folder = Path(os.environ["BENCH_CHANNEL"])
    virtual = [package for channel in channels for package in read_virtual(channel, subdir)]
    records = await solve(
        [Channel(folder.as_uri())],
        specs,
        gateway=Gateway(cache_dir=folder.with_name("stand-in-cache")),
        platforms=[Subdir(subdir), Subdir("noarch")],
        virtual_packages=virtual,
    )
    return [
        {
            "name": record.name.normalized,
            "version": str(record.version),
            "url": str(record.url).replace(folder.as_uri(), TRUE_URL),
            "fn": record.file_name,
            "channel": TRUE_URL,
            "md5": None if record.md5 is None else record.md5.hex(),
            "sha256": None if record.sha256 is None else record.sha256.hex(),
            "depends": record.depends,
            "constrains": record.constrains,
            "subdir": record.subdir,
            "timestamp": 0,
        }
        for record in records
    ]


def read_virtual(channel: str, subdir: str) -> list[GenericVirtualPackage]:
    """Return the virtual packages of the channel that conda-lock makes of them; none of another channel."""
    path = Path(urlsplit(channel).path) / subdir / "repodata.json"
    if not channel.startswith("file:") or not path.is_file():
        return []
    return [
        GenericVirtualPackage(PackageName(one["name"]), Version(one["version"]), BuildString(one["build"]))
        for one in json.loads(path.read_text(encoding="utf-8"))["packages"].values()
    ]


if __name__ == "__main__":
    main(sys.argv[1:])
