"""rattler's solver, in a process of its own: see ``solver_worker``."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bindery.core import BadInput, ToolFailed, encode_json, parse_json, run_process
from bindery.environments.channels import has_secrets, hide_secrets
from bindery.environments.fields import Fields

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bindery.core import Json
    from bindery.environments.channels import Channel
    from bindery.environments.lockfile import LockedPackage
    from bindery.environments.spec import Requirement
    from bindery.environments.virtual_packages import VirtualPackage

ChannelPriority = Literal["strict", "flexible", "disabled"]
TIMEOUT_S = 1800.0  # a first fetch of conda-forge's records over a slow line
_PREAMBLE = "Cannot solve the request because of: "


@dataclass(frozen=True, kw_only=True, slots=True)
class PlatformRequest:
    """What is to be solved for one platform.

    Of the ``locked`` packages the solver keeps those it easily can. With ``keep`` it keeps as many as possible, and
    brings those in ``update``, names or names with a range as rattler reads it, to their newest.
    """

    platform: str
    requirements: tuple[Requirement, ...]
    locked: tuple[LockedPackage, ...]
    virtual_packages: tuple[VirtualPackage, ...]
    keep: bool = False
    update: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """A package that the solver chose, with its URL in the channel's true place."""

    name: str
    version: str
    url: str
    md5: str | None
    sha256: str | None
    depends: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class SolvedRecords:
    """One platform's records, and why those that changed did, by name; nothing if none were to be kept."""

    records: tuple[Record, ...]
    reasons: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordsChoice:
    """Which records there are to choose from.

    ``channel_priority`` strict: a package comes from the first channel that has it. flexible: from a later one only
    where there is no other solution. disabled: the newest, wherever it is. ``exclude_newer`` is a time in UTC.
    ``offline``: only what the cache has.
    """

    channel_priority: ChannelPriority = "strict"
    exclude_newer: dt.datetime | None = None
    offline: bool = False


def solve_records(
    requests: Sequence[PlatformRequest],
    channels: Sequence[Channel],
    *,
    choice: RecordsChoice,
    cache: Path,
    where: str,
) -> Mapping[str, SolvedRecords]:
    """Return the chosen records for each platform, all solved at once; ``where`` is the spec, for errors.

    Raises:
        BadInput: a platform has no solution, or a line cannot be understood.
        ToolFailed: a channel does not answer.

    """
    platforms: list[Json] = [encode_request(request) for request in requests]
    answer = ask_worker({"task": "solve", "platforms": platforms}, channels, choice=choice, cache=cache)
    if answer.has("failure"):
        raise _failure(answer, where, choice)
    return {
        solved.text("platform"): SolvedRecords(
            records=tuple(_parse_record(record, channels) for record in solved.items("records")),
            reasons=dict(solved.pairs("reasons")),
        )
        for solved in answer.items("solved")
    }


def ask_worker(words: Mapping[str, Json], channels: Sequence[Channel], *, choice: RecordsChoice, cache: Path) -> Fields:
    """Return what the process answers: what was asked for, or a ``failure``."""
    if any(has_secrets(channel.fetch_url) for channel in channels):
        # The cache's files name the URLs, and a group may share the store.
        cache = cache.with_name(f"{cache.name}-of-{os.getuid()}")
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    cache.mkdir(parents=True, exist_ok=True)
    request: Json = {
        "channels": [channel.fetch_url for channel in channels],
        "cache": str(cache),
        "channel_priority": choice.channel_priority,
        "exclude_newer": choice.exclude_newer.isoformat() if choice.exclude_newer else "",
        "offline": choice.offline,
        **words,
    }
    finished = run_process(
        [sys.executable, "-P", "-m", "bindery.environments.solver_worker"],
        env=os.environ,
        cwd=cache,
        timeout_s=TIMEOUT_S,
        stdin=encode_json(request),
    )
    return Fields.of_document(parse_json(finished.stdout), "the solver's answer", "")


def encode_request(request: PlatformRequest) -> Json:
    """Return the request as ``solver_worker`` reads it."""
    return {
        "platform": request.platform,
        "specs": [match_spec(asked) for asked in request.requirements],
        "keep": request.keep,
        "update": list(request.update),
        "locked": [_encode_locked(package) for package in request.locked],
        "virtual_packages": [
            {"name": package.name, "version": package.version, "build": package.build}
            for package in request.virtual_packages
        ],
    }


def _encode_locked(package: LockedPackage) -> Json:
    return {
        "name": package.name,
        "version": package.version,
        "build": package.build,
        "subdir": package.subdir,
        "url": package.url,
        "file_name": package.file_name,
        "md5": package.md5.hex if package.md5 else "",
        "sha256": package.sha256.hex,
        "depends": [f"{name} {version}".rstrip() for name, version in package.dependencies],
    }


def match_spec(asked: Requirement) -> str:
    """Return the requirement as rattler reads it: a version without an operator is an exact one."""
    parts = [part if not part[:1].isdigit() or "*" in part else f"=={part}" for part in asked.version.split(",")]
    channel = f"{asked.channel}::" if asked.channel else ""
    version = ",".join(parts) or ("*" if asked.build else "")
    return " ".join(word for word in (f"{channel}{asked.name}", version, asked.build or "") if word)


def _failure(answer: Fields, where: str, choice: RecordsChoice) -> BadInput | ToolFailed:
    kind, platform, text = answer.text("failure"), answer.text("platform"), answer.text("text")
    lines = hide_secrets(text).removeprefix(_PREAMBLE).strip().splitlines()
    explanation = "".join(f"\n  | {line.rstrip()}" for line in lines)
    if kind == "network" and choice.offline:
        return ToolFailed(
            f"the store has no records of a channel for {platform}{explanation}", where, "run it once without --offline"
        )
    if kind == "network":
        return ToolFailed(
            f"a channel cannot be read for {platform}{explanation}",
            where,
            "check the network, or name a copy of the channel with --channel-mirror NAME=FOLDER|URL",
        )
    if kind == "update":
        return BadInput(
            f"there is no solution for {platform} with {text}",
            where,
            f"--update {text.partition(' ')[0]} brings it to the newest that can be had",
        )
    if kind == "spec":
        return BadInput(f"a line cannot be understood{explanation}", where)
    return BadInput(f"cannot be solved for {platform}{explanation}", where, "relax one of the versions named above")


def _parse_record(fields: Fields, channels: Sequence[Channel]) -> Record:
    index, path = fields.number("channel"), fields.text("path")
    return Record(
        name=fields.text("name"),
        version=fields.text("version"),
        url=channels[index].url + path if index >= 0 else hide_secrets(path),
        md5=fields.text("md5") if fields.has("md5") else None,
        sha256=fields.text("sha256") if fields.has("sha256") else None,
        depends=fields.texts("depends"),
    )
