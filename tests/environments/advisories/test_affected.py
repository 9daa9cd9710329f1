from __future__ import annotations

from typing import TYPE_CHECKING

from bindery.core import Digest, digest_bytes
from bindery.environments import Lock, LockedPackage
from bindery.environments.advisories import Advisory, AffectedRange, Event, Subject, find_affected

if TYPE_CHECKING:
    from bindery.environments.advisories.values import Ecosystem

PYTHON = (("python", ">=3.12"),)


def conda(name: str, version: str, *platforms: str, needs: tuple[tuple[str, str], ...] = PYTHON) -> list[LockedPackage]:
    return [
        LockedPackage(
            name=name,
            version=version,
            manager="conda",
            platform=platform,
            dependencies=needs,
            url=f"https://conda.anaconda.org/conda-forge/noarch/{name}-{version}-0.conda",
            md5=Digest("md5", "0" * 32),
            sha256=digest_bytes(name.encode()),
        )
        for platform in platforms or ("linux-64", "osx-64")
    ]


def lock_of(*packages: LockedPackage) -> Lock:
    return Lock(packages=packages, content_hash=(), channels=(), platforms=("linux-64", "osx-64"), sources=())


def advisory(key: str, name: str, *ranges: tuple[str, str], ecosystem: Ecosystem = "pypi") -> Advisory:
    """Return the advisory about versions from the first of each range up to, and not with, the second."""
    found = tuple(
        AffectedRange(
            order="ecosystem", events=(Event(kind="introduced", version=first), Event(kind="fixed", version=fixed))
        )
        for first, fixed in ranges
    )
    return Advisory(
        id=key,
        aliases=(),
        summary="",
        subjects=(Subject(ecosystem=ecosystem, name=name, ranges=found, versions=()),),
    )


def test_smallest_update_leaves_all_advisories() -> None:
    lock = lock_of(*conda("zarr", "3.0"))
    advisories = [
        advisory("A", "zarr", ("0", "2.9"), ("3.0", "3.1")),
        advisory("B", "zarr", ("2.0", "3.0.5")),
        advisory("C", "zarr", ("3.1", "3.1.4")),
        advisory("D", "zarr", ("0", "1.0"), ("5", "5.5")),
    ]
    (found,) = find_affected(lock, advisories)
    assert (found.name, found.version, found.platforms) == ("zarr", "3.0", ("linux-64", "osx-64"))
    assert [one.id for one in found.advisories] == ["A", "B"]
    assert found.named_update == "3.1.4"


def test_no_update_is_known_where_nothing_is_fixed() -> None:
    event = AffectedRange(order="ecosystem", events=(Event(kind="introduced", version="0"),))
    open_end = Advisory(
        id="A", aliases=(), summary="", subjects=(Subject(ecosystem="pypi", name="zarr", ranges=(event,), versions=()),)
    )
    (found,) = find_affected(lock_of(*conda("zarr", "3.0")), [open_end])
    assert found.named_update is None


def test_names_of_pypi_are_mapped_and_libraries_are_not_taken_for_projects() -> None:
    lock = lock_of(
        *conda("matplotlib-base", "3.0"),
        *conda("snappy", "1.0", needs=(("libgcc", ""),)),
        *conda("openssl", "3.0", "linux-64", needs=()),
    )
    advisories = [
        advisory("A", "Matplotlib", ("0", "4")),
        advisory("B", "snappy", ("0", "4")),
        advisory("C", "openssl", ("0", "3.1"), ecosystem="conda"),
    ]
    found = find_affected(lock, advisories)
    assert [(one.name, one.platforms, one.named_update) for one in found] == [
        ("matplotlib-base", ("linux-64", "osx-64"), "4"),
        ("openssl", ("linux-64",), "3.1"),
    ]


def test_pip_packages_are_found_by_their_own_names() -> None:
    package = LockedPackage(
        name="Ocean_Tools",
        version="1.0",
        manager="pip",
        platform="linux-64",
        url="https://example.org/ocean_tools-1.0-py3-none-any.whl",
        sha256=digest_bytes(b""),
    )
    (found,) = find_affected(lock_of(package), [advisory("A", "ocean-tools", ("0", "1.1"))])
    assert (found.manager, found.named_update) == ("pip", "1.1")


def test_versions_that_cannot_be_placed_are_undecided() -> None:
    (found,) = find_affected(lock_of(*conda("zarr", "3.0")), [advisory("A", "zarr", ("a b", "c d"))])
    assert (found.advisories, [one.id for one in found.undecided], found.named_update) == ((), ["A"], None)


def test_unaffected_lock() -> None:
    assert find_affected(lock_of(*conda("zarr", "3.0")), [advisory("A", "zarr", ("0", "3.0"))]) == ()
