"""Lock → text, the text that conda-lock 4 writes below the comment at its head."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from bindery.core import write_file
from bindery.environments.lockfile.scalars import encode_scalar

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from bindery.environments.lockfile.values import Lock, LockedPackage

HEAD = """\
# This lock file was written by Bindery in conda-lock's format. DO NOT EDIT!
#
# It lists, for every platform, each package with its hash. The environment made from it does not change when new
# versions appear. It is installed by `bindery install`, and by whatever reads conda-lock's files:
#     conda-lock install -n YOURENV conda-lock.yml
#     micromamba create -n YOURENV -f conda-lock.yml
# To solve it anew, after environment.yml was changed or to take up new versions:
#     bindery lock
"""


def write_lock(lock: Lock, path: Path) -> None:
    """Put the lock at the path, whole, in one step.

    Raises:
        ToolFailed: the disk is full or cannot be written; the old lock is still there.

    """
    write_file(path, encode_lock(lock))


def encode_lock(lock: Lock) -> str:
    """Return the text of the lock's file: packages and their dependencies sorted, virtual packages left out."""
    return HEAD + encode_body(lock)


def encode_body(lock: Lock) -> str:
    """Return what stands below the comment at the head."""
    head = _dump({"version": 1, "metadata": _metadata(lock)})
    body = "".join(_easy_package(package) or _dump([_package(package)]) for package in lock.canonical().packages)
    return f"{head}package:\n{body}" if body else f"{head}package: []\n"


def _dump(value: object) -> str:
    # Not the C dumper: it folds long lines elsewhere.
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False)
    return text


class _Dumper(yaml.SafeDumper):
    """Repeats equal values instead of pointing at them, as text from JSON has no common parts either."""

    def ignore_aliases(self, data: object) -> bool:
        del data
        return True


def _metadata(lock: Lock) -> dict[str, object]:
    metadata: dict[str, object] = {
        "content_hash": dict(lock.content_hash),
        "channels": [{"url": channel.url, "used_env_vars": list(channel.used_env_vars)} for channel in lock.channels],
        "platforms": list(lock.platforms),
        "sources": list(lock.sources),
    }
    optional: dict[str, dict[str, object]] = {
        "time_metadata": dict(lock.time_metadata),
        "git_metadata": dict(lock.git_metadata),
        "inputs_metadata": {name: dict(pairs) for name, pairs in lock.inputs_metadata},
        "custom_metadata": dict(lock.custom_metadata),
    }
    return metadata | {key: value for key, value in optional.items() if value}


def _package(package: LockedPackage) -> dict[str, object]:
    hashes = {"md5": package.md5, "sha256": package.sha256}
    fields: dict[str, object] = {
        "name": package.name,
        "version": package.version,
        "manager": package.manager,
        "platform": package.platform,
        "dependencies": dict(package.dependencies),
        "url": package.url,
        "hash": {algorithm: digest.hex for algorithm, digest in hashes.items() if digest},
        "source": {"type": "url", "url": package.source_url} if package.source_url is not None else None,
        "build": package.recorded_build,
        "category": package.category,
        "optional": package.optional,
    }
    return {key: value for key, value in fields.items() if value is not None}


def _easy_package(package: LockedPackage) -> str | None:
    """Return what ``_dump`` would, fifty times as fast; None where a text needs YAML's whole care."""
    if package.source_url is not None or package.recorded_build is not None:
        return None
    dependencies = _easy_lines("    ", package.dependencies)
    hashes = [("sha256", package.sha256.hex)]
    if package.md5:
        hashes.insert(0, ("md5", package.md5.hex))
    blocks = [
        _easy_lines(
            "  ",
            [
                ("name", package.name),
                ("version", package.version),
                ("manager", package.manager),
                ("platform", package.platform),
            ],
        ),
        (
            "  dependencies: {}\n"
            if dependencies == ""
            else None
            if dependencies is None
            else f"  dependencies:\n{dependencies}"
        ),
        _easy_lines("  ", [("url", package.url)]),
        "  hash:\n",
        _easy_lines("    ", hashes),
        _easy_lines("  ", [("category", package.category)]),
        f"  optional: {'true' if package.optional else 'false'}\n",
    ]
    if None in blocks:
        return None
    return "-" + "".join(block or "" for block in blocks)[1:]


def _easy_lines(indent: str, pairs: Iterable[tuple[str, str]]) -> str | None:
    lines: list[str] = []
    for key, value in pairs:
        written_key, written = encode_scalar(key, is_key=True), encode_scalar(value)
        if written_key is None or written is None:
            return None
        lines.append(f"{indent}{written_key}: {written}\n")
    return "".join(lines)
