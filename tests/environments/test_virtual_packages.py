from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bindery.core import PLATFORMS, BadInput, NoProgress, Store
from bindery.environments import (
    Environment,
    LockRequest,
    SolveOptions,
    check_lock,
    plan_lock,
    read_spec,
    solve_lock,
    write_plan,
)
from bindery.environments.content_hash import content_hashes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SPEC = "channels: [conda-forge]\nplatforms: [linux-64, osx-64]\ndependencies: [python=3.12]\n"
NEW = "subdirs:\n  linux-64:\n    packages: {__glibc: '2.40', __linux: '6.1', __unix: '0', __archspec: 1 x86_64}\n"
MAC = "  osx-64:\n    packages: {__osx: '14.0', __unix: '0'}\n"
OLD = "subdirs: {linux-64: {packages: {__glibc: '2.12', __unix: '0'}}}\n"


def write(environment: Environment, text: str) -> None:
    (environment.folder / "virtual-packages.yml").write_text(text, encoding="utf-8")


@pytest.mark.parametrize("text", [NEW + MAC, NEW, OLD, "subdirs: {}\n"])
def test_hashes_are_conda_locks(text: str, make_environment: Callable[[str], Environment]) -> None:
    from conda_lock.content_hash import compute_content_hashes  # noqa: PLC0415 - two seconds
    from conda_lock.src_parser import make_lock_spec  # noqa: PLC0415
    from conda_lock.virtual_package import virtual_package_repo_from_specification  # noqa: PLC0415

    ocean = make_environment(SPEC)
    plain = content_hashes(read_spec(ocean, PLATFORMS))
    write(ocean, text)
    theirs = compute_content_hashes(
        make_lock_spec(src_files=list(ocean.sources), platform_overrides=list(PLATFORMS), mapping_url=""),
        virtual_package_repo_from_specification(ocean.folder / "virtual-packages.yml"),
    )
    ours = content_hashes(read_spec(ocean, PLATFORMS))
    assert ours == theirs
    assert ours != plain


def test_a_lock_is_stale_when_the_machines_are_taken_to_be_others(
    make_environment: Callable[[str], Environment], channel: Path, solver_store: Store
) -> None:
    ocean = make_environment(SPEC)
    write(ocean, NEW + MAC)
    request = LockRequest(mirrors={"conda-forge": str(channel)})
    write_plan(plan_lock(ocean, request, store=solver_store, progress=NoProgress()), ocean)
    assert check_lock(ocean) == ()
    (ocean.folder / "virtual-packages.yml").unlink()
    (finding,) = check_lock(ocean)
    assert finding.what == "was solved for another spec than environment.yml is now, on linux-64, osx-64"


def test_what_is_too_new_for_the_machine_is_not_taken(
    make_environment: Callable[[str], Environment], channel: Path, solver_store: Store
) -> None:
    ocean = make_environment(SPEC.replace("linux-64, osx-64", "linux-64"))
    write(ocean, OLD)
    options = SolveOptions(mirrors={"conda-forge": str(channel)})
    with pytest.raises(BadInput) as caught:
        solve_lock(read_spec(ocean), ocean.lock_path, store=solver_store, progress=NoProgress(), options=options)
    assert "__glibc" in caught.value.what


def test_the_nearest_file_holds(tmp_path: Path) -> None:
    base, ocean = (tmp_path / name for name in ("base", "ocean"))
    for folder in (base, ocean):
        folder.mkdir()
        (folder / "environment.yml").write_text(SPEC, encoding="utf-8")
    lower = Environment(name="base", folder=base)
    upper = Environment(name="ocean", folder=ocean, extends=(lower,))
    assert read_spec(upper).virtual is None
    write(lower, OLD)
    assert read_spec(lower).virtual is not None
    assert read_spec(upper).virtual == read_spec(lower).virtual
    write(upper, NEW)
    assert read_spec(upper).virtual != read_spec(lower).virtual


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[]", "is a list, not a mapping"),
        ("subdirs: []", "subdirs is a list, not a mapping"),
        ("platforms: {}\nsubdirs: {}", "the key 'platforms' is not known"),
        ("subdirs: {linux-64: {}}", "subdirs.linux-64.packages is missing"),
        ("subdirs: {linux-64: {packages: {__glibc: 2.17}}}", "subdirs.linux-64.packages.__glibc is a number, not text"),
        (
            "subdirs: {linux-64: {packages: {glibc: '2.17'}}}",
            "subdirs.linux-64.packages.glibc is no virtual package: they start with two underscores",
        ),
    ],
)
def test_a_file_of_another_kind_is_refused(
    text: str, what: str, make_environment: Callable[[str], Environment]
) -> None:
    ocean = make_environment(SPEC)
    write(ocean, text)
    with pytest.raises(BadInput) as caught:
        read_spec(ocean)
    assert str(caught.value) == f"{ocean.folder / 'virtual-packages.yml'}: {what}"


def test_a_file_in_another_encoding_is_refused(make_environment: Callable[[str], Environment]) -> None:
    ocean = make_environment(SPEC)
    (ocean.folder / "virtual-packages.yml").write_bytes(b"\xff\xfe")
    with pytest.raises(BadInput) as caught:
        read_spec(ocean)
    assert caught.value.what.startswith("is not UTF-8: ")
