"""``conda-meta/``, by which conda, mamba and pixi know what a prefix holds: written from the lock, not from the cache.

Source: conda's documentation, "conda-meta directory"; rattler writes the same keys, and paths of its cache besides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bindery.core import digest_bytes, encode_json
from bindery.environments import WHEEL_CHANNELS
from bindery.prefixes.tree import PLAIN, Expected, ExpectedBytecode, ExpectedFile, ExpectedLink

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bindery.core import Json
    from bindery.prefixes.contents import PackageContents

FOLDER = "conda-meta"


def encode_records(
    packages: tuple[PackageContents, ...], entries: Mapping[str, Expected]
) -> dict[str, tuple[str, bytes]]:
    """Return the files of ``conda-meta``: path to package and bytes. Its history is empty.

    What ``entries`` say of ``conda-meta`` itself is left out.
    """
    mine: dict[str, list[str]] = {package.locked.name: [] for package in packages}
    for path, entry in sorted(entries.items()):
        if not path.startswith(f"{FOLDER}/"):
            mine[entry.package].append(path)
    records = {f"{FOLDER}/history": ("", b"")}
    for package in packages:
        locked = package.locked
        name = f"{FOLDER}/{locked.name}-{locked.version}-{locked.build}.json"
        records[name] = (locked.name, _encode(package, mine[locked.name], entries))
    return records


def expected_record(package: str, data: bytes) -> ExpectedFile:
    """Return the entry of the tree for a file of these bytes."""
    return ExpectedFile(package, digest_bytes(data).hex, len(data), PLAIN)


def _encode(package: PackageContents, paths: list[str], entries: Mapping[str, Expected]) -> bytes:
    locked = package.locked
    record: dict[str, Json] = {
        "name": locked.name,
        "version": locked.version,
        "build": locked.build,
        "build_number": package.build_number,
        "subdir": locked.subdir,
        "channel": _lasting(locked.channel_url),
        "url": _lasting(locked.url),
        "fn": locked.file_name,
        "sha256": locked.sha256.hex,
        "depends": list(package.depends),
        "constrains": list(package.constrains),
        "requested_specs": [],
        "files": list(paths),
        "paths_data": {"paths_version": 1, "paths": [_path(path, entries[path]) for path in paths]},
    }
    if package.noarch:
        record["noarch"] = package.noarch
    if locked.md5:
        record["md5"] = locked.md5.hex
    if package.site_packages:
        record["python_site_packages_path"] = package.site_packages
    return encode_json(record)


def _lasting(url: str) -> str:
    """Return the URL without the digest of a wheel channel, which is another one when any of its wheels is.

    The package's own hash stands beside it; so a package that stays gives the same record, and the same layer.
    """
    if not url.startswith(WHEEL_CHANNELS):
        return url
    return WHEEL_CHANNELS + url.removeprefix(WHEEL_CHANNELS).partition("/")[2]


def _path(path: str, entry: Expected) -> Json:
    match entry:
        case ExpectedFile():
            return {
                "_path": path,
                "path_type": "hardlink",
                "sha256_in_prefix": entry.sha256,
                "size_in_bytes": entry.size_bytes,
            }
        case ExpectedLink():
            return {"_path": path, "path_type": "softlink"}
        case ExpectedBytecode():
            return {"_path": path, "path_type": "pyc_file"}
