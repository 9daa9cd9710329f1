"""Packages → a folder, by rattler, in a process of its own: ``python -m bindery.prefixes.link``.

Of its own, because an interpreter that ends right after rattler's ``install`` crashes now and then. What it is to do
comes as JSON on stdin; on stdout it says ``linked`` for every package and ``done`` at the end; without ``done`` it has
failed, whatever its status. When its stdin ends, whoever started it is gone, and it ends as well.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from rattler import BuildString, PackageRecord, RepoDataRecord
from rattler.install import install
from rattler.package_cache import PackageCache, ValidationMode
from rattler.version import VersionWithSource

from bindery.prefixes.link_order import DONE, FAILED, LINKED, LinkOrder

if TYPE_CHECKING:
    from typing import IO

    from rattler.install import InstallerReporter

_NOARCH: dict[str, Literal["python", "generic"] | None] = {"python": "python", "generic": "generic", "": None}


class _Reporter:
    """Says which package is being linked; of a reporter, rattler calls what is there."""

    def on_link_start(self, operation: int, package_name: str) -> int:
        del operation
        _say(f"{LINKED}{package_name}")
        return 0


def main() -> None:
    """Read the order, carry it out, say so, and end without the interpreter's own farewell."""
    order = LinkOrder(**json.loads(sys.stdin.buffer.readline()))
    threading.Thread(target=_end_with, args=(sys.stdin.buffer,), daemon=True).start()
    status = 0
    try:
        asyncio.run(_link(order))
        _say(DONE)
    except Exception as error:  # noqa: BLE001 - handed to the process that started this one
        _say(FAILED + " ".join(str(error).split()))
        status = 1
    sys.stderr.flush()
    os._exit(status)


async def _link(order: LinkOrder) -> None:
    await install(
        [_record(**package) for package in order.packages],
        order.target,
        package_cache=PackageCache.new_layered([order.cache], validation_mode=ValidationMode.skip()),
        cache_dir=Path(order.cache),
        installed_packages=[],
        execute_link_scripts=False,
        show_progress=False,
        reporter=cast("InstallerReporter", _Reporter()),
        alternative_target_prefix=order.prefix,
    )


def _record(  # noqa: PLR0913 - the fields of a record
    *,
    name: str,
    version: str,
    build: str,
    subdir: str,
    noarch: str,
    site_packages: str,
    file_name: str,
    url: str,
    channel: str,
    sha256: str,
) -> RepoDataRecord:
    record = PackageRecord(
        name,
        VersionWithSource(version),
        BuildString(build),
        0,
        subdir,
        noarch=_NOARCH[noarch],
        sha256=bytes.fromhex(sha256),
        python_site_packages_path=site_packages or None,
    )
    return RepoDataRecord(record, file_name, url, channel)


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - the protocol of this process


def _end_with(stream: IO[bytes]) -> None:
    while stream.read(1):
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
