"""``python -m bindery.environments.solver_worker``: a request in JSON on stdin, the solution on stdout.

A process of its own, because rattler's threads can abort the interpreter while it exits (about one run in twelve);
here the answer is flushed first, and the interpreter never gets to exit.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import rattler
from rattler.exceptions import GatewayError, InvalidMatchSpecError, SolverError

from bindery.core import encode_json, parse_json
from bindery.environments.solver_platform import NoUpdateError, PlatformSolver, Records, Solved, Sources
from bindery.environments.solver_words import flag, items, text, texts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bindery.core import Json

Answer: TypeAlias = "dict[str, Json]"
_PRIORITIES = {
    "strict": rattler.ChannelPriority.Strict,
    "flexible": rattler.ChannelPriority.Flexible,
    "disabled": rattler.ChannelPriority.Disabled,
}


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
    sources = _sources(request)
    platforms = items(request, "platforms")
    match text(request, "task"):
        case "versions":
            return {"versions": list(await asyncio.gather(*(_versions(sources, one) for one in platforms)))}
        case "fits":
            return {"fits": list(await asyncio.gather(*(_fits(sources, one) for one in platforms)))}
    return {"solved": list(await asyncio.gather(*(_solve(sources, one) for one in platforms)))}


def _sources(request: Json) -> Sources:
    limit = text(request, "exclude_newer")
    config = rattler.SourceConfig(cache_action="force-cache-only" if flag(request, "offline") else "cache-or-fetch")
    gateway = rattler.Gateway(
        cache_dir=Path(text(request, "cache")), default_config=config, client=rattler.Client.default_client()
    )
    return Sources(
        channels=[rattler.Channel(url) for url in texts(request, "channels")],
        gateway=gateway,
        priority=_PRIORITIES[text(request, "channel_priority")],
        exclude_newer=dt.datetime.fromisoformat(limit) if limit else None,
    )


async def _solve(sources: Sources, request: Json) -> Json:
    platform = text(request, "platform")
    with _failures(platform):
        solver = _solver(sources, request)
        if flag(request, "keep"):
            solved = await solver.change(await _before(sources, request), texts(request, "update"))
        else:
            locked = await _known(sources, platform, items(request, "locked"))
            solved = await solver.solve(prefer=[record for _, record in sorted(locked.items())])
    return _encode(platform, solved, sources.channels)


async def _versions(sources: Sources, request: Json) -> Json:
    """Return which newer versions of some packages the channels have, the oldest first."""
    platform, found = text(request, "platform"), dict[str, list[rattler.VersionWithSource]]()
    with _failures(platform):
        wanted = {text(one, "name"): rattler.Version(text(one, "version")) for one in items(request, "newer_than")}
        for record in await sources.records(platform, wanted):
            if record.version > wanted[record.name.normalized]:
                found.setdefault(record.name.normalized, []).append(record.version)
    names: dict[str, Json] = {
        name: list(dict.fromkeys(str(version) for version in sorted(found.get(name, ())))) for name in sorted(wanted)
    }
    return {"platform": platform, "names": names}


async def _fits(sources: Sources, request: Json) -> Json:
    """Return which of the lines, each taken by itself, leave a solution."""
    platform = text(request, "platform")
    with _failures(platform):
        solver, before = _solver(sources, request), await _before(sources, request)
        fitting: list[Json] = [line for line in texts(request, "lines") if await solver.fits(line, before)]
    return {"platform": platform, "lines": fitting}


@contextmanager
def _failures(platform: str) -> Iterator[None]:
    try:
        yield
    except SolverError as error:
        raise _Unsolved("unsolvable", platform, str(error)) from error
    except InvalidMatchSpecError as error:
        raise _Unsolved("spec", platform, str(error)) from error
    except NoUpdateError as error:
        raise _Unsolved("update", platform, str(error)) from error
    except GatewayError as error:
        raise _Unsolved("network", platform, str(error)) from error


def _solver(sources: Sources, request: Json) -> PlatformSolver:
    return PlatformSolver(
        sources=sources,
        platform=text(request, "platform"),
        specs=tuple(texts(request, "specs")),
        virtual=tuple(
            rattler.GenericVirtualPackage(
                rattler.PackageName(text(package, "name")),
                rattler.Version(text(package, "version")),
                rattler.BuildString(text(package, "build") or "0"),
            )
            for package in items(request, "virtual_packages")
        ),
    )


async def _before(sources: Sources, request: Json) -> Records:
    """Return the locked packages, those that their channel no longer lists as well."""
    listed = items(request, "locked")
    locked = await _known(sources, text(request, "platform"), listed)
    before = {record.name.normalized: record for record in locked.values()}
    return before | _remembered(sources, [one for one in listed if _key(one) not in locked])


async def _known(
    sources: Sources, platform: str, locked: Sequence[Json]
) -> dict[tuple[str, str], rattler.RepoDataRecord]:
    """Return the channels' own records of the locked packages: a lock has no builds and no run constraints."""
    wanted = {_key(package) for package in locked}
    records = await sources.records(platform, (text(package, "name") for package in locked))
    found = {(record.file_name, record.sha256.hex() if record.sha256 else ""): record for record in records}
    return {key: record for key, record in found.items() if key in wanted}


def _key(package: Json) -> tuple[str, str]:
    return text(package, "file_name"), text(package, "sha256")


def _remembered(sources: Sources, locked: Sequence[Json]) -> dict[str, rattler.RepoDataRecord]:
    """Return records of packages that their channel no longer lists, made of what the lock says of them."""
    return {
        text(package, "name"): rattler.RepoDataRecord(
            rattler.PackageRecord(
                name=text(package, "name"),
                version=text(package, "version"),
                build=rattler.BuildString(text(package, "build")),
                build_number=0,
                subdir=text(package, "subdir"),
                depends=texts(package, "depends"),
                sha256=bytes.fromhex(text(package, "sha256")),
                md5=bytes.fromhex(text(package, "md5")),
            ),
            text(package, "file_name"),
            text(package, "url"),
            sources.channels[0].base_url,
        )
        for package in locked
    }


def _encode(platform: str, solved: Solved, channels: Sequence[rattler.Channel]) -> Json:
    reasons: dict[str, Json] = dict(solved.reasons)
    records = [_record(record, channels) for _, record in sorted(solved.records.items())]
    return {"platform": platform, "records": list(records), "reasons": reasons}


def _record(record: rattler.RepoDataRecord, channels: Sequence[rattler.Channel]) -> Json:
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


if __name__ == "__main__":
    main()
