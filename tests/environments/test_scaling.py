"""Ten times the packages take at most twelve times the work and the memory: calls are counted, no clock is read."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import pytest

from bindery.core import Digest, Store
from bindery.environments import (
    DependencyGraph,
    Lock,
    LockedChannel,
    LockedPackage,
    compare_lists,
    count_packages,
    encode_lock,
    explain_change,
    list_lock,
    parse_lock,
    render_explicit,
    versions,
)
from bindery.environments.advisories import Advisory, AffectedRange, Event, Subject, find_affected
from bindery.environments.lockfile import safety, scalars, scan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import FrameType

PLATFORMS = ("linux-64", "linux-aarch64", "osx-64")
MOST = 12.0


def lock_of(packages: int) -> Lock:
    """Return a lock of so many entries, in which each package needs three others, on three platforms."""
    each = packages // len(PLATFORMS)
    found = []
    for platform in PLATFORMS:
        for index in range(each):
            needs = sorted({f"p{index // 2:05}", f"p{index // 3:05}", "python"} - {f"p{index:05}"})
            digits = f"{index:x}{platform.encode().hex()}"
            found.append(
                LockedPackage(
                    name=f"p{index:05}",
                    version=f"{index % 7}.{index}",
                    manager="conda",
                    platform=platform,
                    dependencies=tuple((name, f">={index % 5}") for name in needs),
                    url=f"https://conda.anaconda.org/conda-forge/{platform}/p{index:05}-{index % 7}.{index}-0.conda",
                    md5=Digest("md5", digits[:32].rjust(32, "a")),
                    sha256=Digest("sha256", digits.rjust(64, "b")),
                )
            )
    return Lock(
        packages=tuple(found),
        content_hash=tuple((platform, "x") for platform in PLATFORMS),
        channels=(LockedChannel(url="conda-forge"),),
        platforms=PLATFORMS,
        sources=("environment.yml",),
    ).canonical()


@pytest.fixture(autouse=True)
def _no_collector() -> Iterator[None]:
    """Spare the collector of circles, which would walk through tens of thousands of packages again and again."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(scope="module")
def make_lock() -> Callable[[int], Lock]:
    """Return ``lock_of``, which makes each lock once."""
    return cache(lock_of)


def count_calls(work: Callable[[], object]) -> int:
    """Return how many functions are called, those written in C as well."""
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        del frame, argument
        nonlocal calls
        calls += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return calls


def measure_bytes(work: Callable[[], object]) -> int:
    """Return the most memory that was in use at once."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def forget() -> None:
    """Empty the caches, which would make the second of two equal works cheaper."""
    for module in (scalars, scan, safety, versions):
        for value in vars(module).values():
            clear = getattr(value, "cache_clear", None)
            if callable(clear):
                clear()


def changed(lock: Lock) -> Lock:
    """Return the lock with every third package in another version."""
    return replace(
        lock,
        packages=tuple(
            replace(package, version=f"{package.version}.1", sha256=Digest("sha256", "c" * 64))
            if index % 3
            else package
            for index, package in enumerate(lock.packages)
        ),
    )


def parse_work(lock: Lock, folder: Path) -> Callable[[], object]:
    del folder
    text = encode_lock(lock)
    return lambda: parse_lock(text, "x")


def encode_work(lock: Lock, folder: Path) -> Callable[[], object]:
    del folder
    return lambda: encode_lock(lock)


def diff_work(lock: Lock, folder: Path) -> Callable[[], object]:
    del folder
    other = changed(lock)
    return lambda: compare_lists(list_lock(lock, "a"), list_lock(other, "b"))


def why_work(lock: Lock, folder: Path) -> Callable[[], object]:
    del folder
    direct = frozenset({"p00150", "p00199"})  # without any, each package that nothing needs has a chain of its own
    comparison = compare_lists(list_lock(lock, "a", direct), list_lock(changed(lock), "b", direct))
    return lambda: explain_change(comparison, "p00000")


def tree_work(lock: Lock, folder: Path) -> Callable[[], object]:
    del folder
    listed = list_lock(lock, "a")
    names = [package.name for package in listed.packages]
    return lambda: DependencyGraph.of(listed, "linux-64").tree(names, 100)


def render_work(lock: Lock, folder: Path) -> Callable[[], object]:
    del folder
    return lambda: render_explicit(lock, "linux-64")


def count_work(lock: Lock, folder: Path) -> Callable[[], object]:
    return lambda: count_packages(lock, Store(folder))


def advisory_work(lock: Lock, folder: Path) -> Callable[[], object]:
    del folder
    events = (Event(kind="introduced", version="0"), Event(kind="fixed", version="3"))
    advisories = [
        Advisory(
            id=name,
            aliases=(),
            summary="",
            subjects=(
                Subject(
                    ecosystem="conda",
                    name=name,
                    ranges=(AffectedRange(order="ecosystem", events=events),),
                    versions=(),
                ),
            ),
        )
        for name in dict.fromkeys(package.name for package in lock.packages)
    ]
    return lambda: find_affected(lock, advisories)


# Locks of 3,000 and 30,000 entries; what is dear to measure at a fifth of them.
CASES = [
    *((work, 3_000) for work in (parse_work, diff_work, render_work, tree_work, advisory_work)),
    *((work, 600) for work in (encode_work, count_work, why_work)),
]


@pytest.mark.parametrize(("make_work", "packages"), CASES)
def test_ten_times_the_packages_take_at_most_twelve_times_as_much(
    make_work: Callable[[Lock, Path], Callable[[], object]],
    packages: int,
    make_lock: Callable[[int], Lock],
    tmp_path: Path,
) -> None:
    small, large = (make_work(make_lock(size), tmp_path) for size in (packages, 10 * packages))
    small()  # what is imported or compiled at the first call is no part of it
    for measure in (count_calls, measure_bytes):
        found = []
        for work in (small, large):
            forget()
            found.append(measure(work))
        assert found[1] <= MOST * found[0], (measure.__name__, found)
