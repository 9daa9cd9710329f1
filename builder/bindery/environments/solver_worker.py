"""``python -m bindery.environments.solver_worker``: a request in JSON on stdin, the solution on stdout.

A process of its own, because rattler's threads can abort the interpreter while it exits (about one run in twelve);
here the answer is flushed first, and the interpreter never gets to exit.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import rattler
from rattler.exceptions import GatewayError, InvalidMatchSpecError, SolverError

from bindery.core import encode_json, parse_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bindery.core import Json

Answer: TypeAlias = "dict[str, Json]"


class _Unsolved(Exception):
    """Why one platform has no solution."""

    def __init__(self, kind: str, platform: str, text: str) -> None:
        super().__init__(kind, platform, text)
        self.answer: Answer = {"failure": kind, "platform": platform, "text": text}


def main() -> None:
    """Answer the request and end this process at once."""
    request = parse_json(sys.stdin.buffer.read())
    try:
        answer = asyncio.run(_answer(request))
    except _Unsolved as unsolved:
        answer = unsolved.answer
    sys.stdout.buffer.write(encode_json(answer))
    sys.stdout.buffer.flush()
    os._exit(0)


async def _answer(request: Json) -> Answer:
    channels = [rattler.Channel(url) for url in _texts(request, "channels")]
    gateway = rattler.Gateway(cache_dir=Path(_text(request, "cache")))
    platforms = _mappings(request, "platforms")
    solved = await asyncio.gather(*(_solve(gateway, channels, platform) for platform in platforms))
    return {"solved": list(solved)}


async def _solve(gateway: rattler.Gateway, channels: list[rattler.Channel], request: Json) -> Json:
    platform = _text(request, "platform")
    subdirs = [rattler.Subdir(platform), rattler.Subdir("noarch")]
    try:
        specs = [rattler.MatchSpec(spec, strict=True) for spec in _texts(request, "specs")]
        records = await rattler.solve(
            channels,
            specs,
            gateway=gateway,
            platforms=subdirs,
            locked_packages=await _locked(gateway, channels, subdirs, _mappings(request, "locked")),
            virtual_packages=[
                rattler.GenericVirtualPackage(
                    rattler.PackageName(_text(package, "name")),
                    rattler.Version(_text(package, "version")),
                    rattler.BuildString(_text(package, "build") or "0"),
                )
                for package in _mappings(request, "virtual_packages")
            ],
        )
    except SolverError as error:
        raise _Unsolved("unsolvable", platform, str(error)) from error
    except InvalidMatchSpecError as error:
        raise _Unsolved("spec", platform, str(error)) from error
    except GatewayError as error:
        raise _Unsolved("network", platform, str(error)) from error
    return {"platform": platform, "records": [_record(record, channels) for record in records]}


async def _locked(
    gateway: rattler.Gateway, channels: list[rattler.Channel], subdirs: list[rattler.Subdir], locked: Sequence[Json]
) -> list[rattler.RepoDataRecord]:
    """Return the channels' own records of the locked packages: a lock has no builds and no run constraints."""
    if not locked:
        return []
    wanted = {(_text(package, "file_name"), _text(package, "sha256")) for package in locked}
    names = sorted({_text(package, "name") for package in locked})
    found = await gateway.query(channels, subdirs, names, recursive=False)
    records = {
        (record.file_name, record.sha256.hex() if record.sha256 else ""): record
        for records in found
        for record in records
    }
    return [record for key, record in sorted(records.items(), key=lambda item: item[0]) if key in wanted]


def _record(record: rattler.RepoDataRecord, channels: list[rattler.Channel]) -> Json:
    index, path = -1, record.url
    for place, channel in enumerate(channels):
        if record.url.startswith(channel.base_url):
            index, path = place, record.url.removeprefix(channel.base_url)
    depends: list[Json] = list(record.depends)
    return {
        "name": record.name.normalized,
        "version": str(record.version),
        "channel": index,
        "path": path,
        "md5": record.md5.hex() if record.md5 else None,
        "sha256": record.sha256.hex() if record.sha256 else None,
        "depends": depends,
    }


def _text(value: Json, key: str) -> str:
    found = value[key] if isinstance(value, dict) else None
    if not isinstance(found, str):
        raise TypeError(key)
    return found


def _list(value: Json, key: str) -> list[Json]:
    found = value[key] if isinstance(value, dict) else None
    if not isinstance(found, list):
        raise TypeError(key)
    return found


def _texts(value: Json, key: str) -> list[str]:
    return [str(item) for item in _list(value, key)]


def _mappings(value: Json, key: str) -> list[Json]:
    return _list(value, key)


if __name__ == "__main__":
    main()
