"""rattler's solver, in a process of its own: see ``solver_worker``."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bindery.core import BadInput, ToolFailed, encode_json, parse_json, run_process
from bindery.environments.fields import Fields

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bindery.core import Json
    from bindery.environments.channels import Channel
    from bindery.environments.lockfile import LockedPackage
    from bindery.environments.spec import Requirement
    from bindery.environments.virtual_packages import VirtualPackage

TIMEOUT_S = 1800.0  # a first fetch of conda-forge's records over a slow line
_PREAMBLE = "Cannot solve the request because of: "


@dataclass(frozen=True, kw_only=True, slots=True)
class PlatformRequest:
    """What is to be solved for one platform. Of the ``locked`` packages the solver keeps those it can."""

    platform: str
    requirements: tuple[Requirement, ...]
    locked: tuple[LockedPackage, ...]
    virtual_packages: tuple[VirtualPackage, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """A package that the solver chose, with its URL in the channel's true place."""

    name: str
    version: str
    url: str
    md5: str | None
    sha256: str | None
    depends: tuple[str, ...]


def solve_records(
    requests: Sequence[PlatformRequest], channels: Sequence[Channel], *, cache: Path, where: str
) -> Mapping[str, tuple[Record, ...]]:
    """Return the chosen records for each platform, all solved at once; ``where`` is the spec, for errors.

    Raises:
        BadInput: a platform has no solution, or a line cannot be understood.
        ToolFailed: a channel does not answer.

    """
    cache.mkdir(parents=True, exist_ok=True)
    request: Json = {
        "channels": [channel.fetch_url for channel in channels],
        "cache": str(cache),
        "platforms": [_encode_request(request) for request in requests],
    }
    finished = run_process(
        [sys.executable, "-P", "-m", "bindery.environments.solver_worker"],
        env=os.environ,
        cwd=cache,
        timeout_s=TIMEOUT_S,
        stdin=encode_json(request),
    )
    answer = Fields.of_document(parse_json(finished.stdout), "the solver's answer", "")
    if answer.has("failure"):
        raise _failure(answer, where)
    return {
        solved.text("platform"): tuple(_parse_record(record, channels) for record in solved.items("records"))
        for solved in answer.items("solved")
    }


def _encode_request(request: PlatformRequest) -> Json:
    return {
        "platform": request.platform,
        "specs": [_match_spec(asked) for asked in request.requirements],
        "locked": [
            {"name": package.name, "file_name": package.file_name, "sha256": package.sha256.hex}
            for package in request.locked
        ],
        "virtual_packages": [
            {"name": package.name, "version": package.version, "build": package.build}
            for package in request.virtual_packages
        ],
    }


def _match_spec(asked: Requirement) -> str:
    """Return the requirement as rattler reads it: a version without an operator is an exact one."""
    parts = [part if not part[:1].isdigit() or "*" in part else f"=={part}" for part in asked.version.split(",")]
    channel = f"{asked.channel}::" if asked.channel else ""
    version = ",".join(parts) or ("*" if asked.build else "")
    return " ".join(word for word in (f"{channel}{asked.name}", version, asked.build or "") if word)


def _failure(answer: Fields, where: str) -> BadInput | ToolFailed:
    kind, platform, text = answer.text("failure"), answer.text("platform"), answer.text("text")
    lines = text.removeprefix(_PREAMBLE).strip().splitlines()
    explanation = "".join(f"\n  | {line.rstrip()}" for line in lines)
    if kind == "network":
        return ToolFailed(
            f"a channel cannot be read for {platform}{explanation}",
            where,
            "check the network, or name a copy of the channel with --channel-mirror NAME=FOLDER|URL",
        )
    if kind == "spec":
        return BadInput(f"a line cannot be understood{explanation}", where)
    return BadInput(f"cannot be solved for {platform}{explanation}", where, "relax one of the versions named above")


def _parse_record(fields: Fields, channels: Sequence[Channel]) -> Record:
    index, path = fields.number("channel"), fields.text("path")
    return Record(
        name=fields.text("name"),
        version=fields.text("version"),
        url=channels[index].url + path if index >= 0 else path,
        md5=fields.text("md5") if fields.has("md5") else None,
        sha256=fields.text("sha256") if fields.has("sha256") else None,
        depends=fields.texts("depends"),
    )
