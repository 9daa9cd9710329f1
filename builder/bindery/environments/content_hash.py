"""conda-lock's content hash: what a lock was solved for.

Source: conda-lock 4, content_hash.py.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bindery.environments.virtual_packages import hashed_records

if TYPE_CHECKING:
    from bindery.core import Json
    from bindery.environments.spec import Requirement, Spec


def content_hashes(spec: Spec) -> dict[str, str]:
    """Return the spec's hash for each of its platforms: 64 hexadecimal digits, equal to conda-lock's."""
    return {platform: _content_hash(spec, platform, _Variant()) for platform in spec.platforms}


def accepted_hashes(spec: Spec, platform: str) -> frozenset[str]:
    """Return the hashes that other versions of conda-lock, or other programs, have written for the same spec."""
    return frozenset(
        _content_hash(spec, platform, _Variant(old_osx=old_osx, numbered_builds=numbered, null_markers=nulls))
        for old_osx, numbered, nulls in itertools.product((True, False), repeat=3)
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Variant:
    """What has differed between versions of conda-lock: see ``hashed_records``; and whether no marker is written."""

    old_osx: bool = True
    numbered_builds: bool = True
    null_markers: bool = False


def _content_hash(spec: Spec, platform: str, variant: _Variant) -> str:
    requirements = sorted(spec.requirements_for(platform), key=lambda asked: (asked.manager, asked.name))
    records = hashed_records(platform, spec.virtual, old_osx=variant.old_osx, numbered_builds=variant.numbered_builds)
    content: dict[str, Json] = {
        "channels": [
            _compact({"url": channel.url, "used_env_vars": list(channel.used_env_vars)}) for channel in spec.channels
        ],
        "specs": [_serialised(asked, null_markers=variant.null_markers) for asked in requirements],
        "virtual_package_hash": {
            "noarch": {"info": {"subdir": "noarch"}, "packages": {}},
            platform: {"info": {"subdir": platform}, "packages": records},
        },
    }
    if spec.pip_repositories:
        content["pip_repositories"] = [_compact({"url": url}) for url in spec.pip_repositories]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _compact(value: Json) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _serialised(asked: Requirement, *, null_markers: bool) -> dict[str, Json]:
    fields: dict[str, Json] = {
        "name": asked.name,
        "manager": asked.manager,
        "category": asked.category,
        "extras": list(asked.extras),
    }
    if asked.markers is not None or null_markers:
        fields["markers"] = asked.markers
    if asked.url is not None:
        return fields | {"url": asked.url, "hashes": list(asked.hashes)}
    return fields | {
        "version": asked.version,
        "build": asked.build,
        "conda_channel": asked.channel,
        "hash": asked.hash,
    }
