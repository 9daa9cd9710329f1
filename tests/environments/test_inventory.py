from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bindery.core import Digest, Store
from bindery.environments import Lock, LockedChannel, LockedPackage, Sum, count_packages, read_facts, read_lock

if TYPE_CHECKING:
    from pathlib import Path

CHANNEL = "https://wheels.invalid/abc"


def locked(name: str, *, channel: str = CHANNEL, category: str = "main", subdir: str = "linux-64") -> LockedPackage:
    return LockedPackage(
        name=name,
        version="1",
        manager="conda",
        platform="linux-64",
        url=f"{channel}/{subdir}/{name}-1-0.conda",
        md5=Digest("md5", "0" * 32),
        sha256=Digest("sha256", name.encode().hex().rjust(64, "0")),
        category=category,
    )


def lock_of(*packages: LockedPackage) -> Lock:
    return Lock(
        packages=packages,
        content_hash=(),
        channels=(LockedChannel(url=CHANNEL),),
        platforms=("linux-64",),
        sources=(),
    )


def write_json(path: Path, document: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document), encoding="utf-8")


def test_packages_are_counted_by_platform_and_category(tmp_path: Path) -> None:
    lock = lock_of(locked("a"), locked("b"), locked("c", category="dev"), locked("c", category="docs", subdir="noarch"))
    (found,) = count_packages(lock, Store(tmp_path))
    assert (found.packages, found.noarch, found.pip) == (3, 1, 0)
    assert found.categories == (("dev", 1), ("docs", 1), ("main", 2))
    assert found.archives == found.installed == Sum(size_bytes=0, known=0)
    assert found.licences == ((None, 3),)


def test_sizes_and_licences_are_those_that_the_store_knows(tmp_path: Path) -> None:
    a, b, c = locked("a"), locked("b"), locked("c")
    record = {"sha256": a.sha256.hex, "size": 70, "license": "MIT"}
    write_json(tmp_path / "channels" / "abc" / "linux-64" / "repodata.json", {"packages.conda": {"a": record}})
    write_json(tmp_path / "packages" / "b-1-0" / "info" / "index.json", {"license": "BSD " * 20})
    write_json(tmp_path / "packages" / "b-1-0" / "info" / "paths.json", {"paths": [{"size_in_bytes": 5}] * 2})
    facts = read_facts((a, b, c), Store(tmp_path))
    assert (facts[a.url].archive_bytes, facts[a.url].licence, facts[a.url].installed_bytes) == (70, "MIT", None)
    assert (facts[b.url].archive_bytes, facts[b.url].installed_bytes) == (None, 10)
    assert facts[b.url].licence == "BSD " * 8 + "…"
    (found,) = count_packages(lock_of(a, b, c), Store(tmp_path))
    assert (found.archives, found.installed) == (Sum(size_bytes=70, known=1), Sum(size_bytes=10, known=1))
    assert [count for _, count in found.licences] == [1, 1, 1]
    assert found.licences[-1][0] is None


def test_damaged_records_are_not_known(tmp_path: Path) -> None:
    info = tmp_path / "packages" / "a-1-0" / "info"
    info.mkdir(parents=True)
    (info / "index.json").write_text("{", encoding="utf-8")
    a = locked("a")
    assert read_facts((a,), Store(tmp_path))[a.url].licence is None


def test_published_lock_is_counted(published: Path, tmp_path: Path) -> None:
    lock = read_lock(published / "2025.08.14" / "pangeo-notebook" / "conda-lock.yml")
    found = count_packages(lock, Store(tmp_path))
    assert [one.platform for one in found] == list(lock.platforms)
    assert sum(one.packages for one in found) == len(lock.packages) == 2981
