from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bindery.core import BadInput, NoProgress, Store, ToolFailed, WrongUse
from bindery.environments import (
    Environment,
    Lock,
    LockRequest,
    SolveOptions,
    encode_lock,
    parse_lock,
    plan_lock,
    read_lock,
    read_spec,
    solve_lock,
    write_lock,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HEAD = "channels: [conda-forge]\nplatforms: [linux-64, osx-arm64]\ndependencies:\n"
XARRAY = HEAD + "  - python=3.12\n  - xarray\n"


def solve(environment: Environment, channel: Path, store: Store) -> Lock:
    return solve_lock(
        read_spec(environment),
        environment.lock_path,
        store=store,
        progress=NoProgress(),
        options=SolveOptions(mirrors={"conda-forge": str(channel)}),
    )


def test_lock_names_true_urls_and_every_platform(
    make_environment: Callable[[str], Environment], channel: Path, solver_store: Store
) -> None:
    lock = solve(make_environment(XARRAY), channel, solver_store)
    assert lock.platforms == ("linux-64", "osx-arm64")
    for platform in lock.platforms:
        names = {package.name for package in lock.packages_for(platform)}
        assert {"python", "xarray", "numpy", "pandas"} <= names
        assert "dask-core" not in names
    assert all(package.url.startswith("https://conda.anaconda.org/conda-forge/") for package in lock.packages)
    assert {package.category for package in lock.packages} == {"main"}
    assert dict(lock.custom_metadata)["created_by"].startswith("bindery ")
    assert lock.sources == ("environment.yml",)
    assert parse_lock(encode_lock(lock), "x") == lock


def test_solving_twice_gives_the_same_text(
    make_environment: Callable[[str], Environment], channel: Path, solver_store: Store
) -> None:
    environment = make_environment(XARRAY)
    first, second = (encode_lock(solve(environment, channel, solver_store)) for _ in range(2))
    assert first == second


def test_conflict_is_named(make_environment: Callable[[str], Environment], channel: Path, solver_store: Store) -> None:
    environment = make_environment(HEAD + "  - python=3.12\n  - numpy=1.0\n")
    with pytest.raises(BadInput) as caught:
        solve(environment, channel, solver_store)
    assert str(caught.value) in {
        f"{environment.spec_path}: cannot be solved for {platform}\n"
        "  | No candidates were found for numpy 1.0.*.\n"
        "  fix: relax one of the versions named above"
        for platform in ("linux-64", "osx-arm64")
    }


def test_conflict_between_two_packages_names_both(
    make_environment: Callable[[str], Environment], channel: Path, solver_store: Store
) -> None:
    environment = make_environment(HEAD + "  - python=3.12\n  - xarray\n  - packaging<24\n")
    with pytest.raises(BadInput) as caught:
        solve(environment, channel, solver_store)
    assert "packaging" in caught.value.what
    assert caught.value.where == str(environment.spec_path)


def test_locked_packages_are_kept_and_one_can_be_updated(
    make_environment: Callable[[str], Environment], channel: Path, solver_store: Store
) -> None:
    environment = make_environment(HEAD + "  - python=3.12\n  - xarray<2025.7\n")
    mirrors = {"conda-forge": str(channel)}
    old = plan_lock(environment, LockRequest(mirrors=mirrors), store=solver_store, progress=NoProgress()).lock
    write_lock(old, environment.lock_path)
    make_environment(XARRAY)
    request = LockRequest(mirrors=mirrors, locked_from=environment.lock_path)
    assert not plan_lock(environment, request, store=solver_store, progress=NoProgress()).changes
    request = LockRequest(mirrors=mirrors, update=("xarray",), metadata=(("why", "a test"),))
    plan = plan_lock(environment, request, store=solver_store, progress=NoProgress())
    assert [(change.name, change.kind) for change in plan.changes] == [("xarray", "upgraded")]
    assert dict(plan.lock.custom_metadata)["why"] == "a test"
    assert read_lock(environment.lock_path) == old


def test_updating_a_package_that_is_not_there_names_a_near_miss(
    make_environment: Callable[[str], Environment], channel: Path, solver_store: Store
) -> None:
    environment = make_environment(XARRAY)
    request = LockRequest(mirrors={"conda-forge": str(channel)}, update=("xaray",))
    with pytest.raises(BadInput) as caught:
        plan_lock(environment, request, store=solver_store, progress=NoProgress())
    assert str(caught.value) == f"{environment.lock_path}: there is no lock to update\n  fix: bindery lock ocean"
    write_lock(solve(environment, channel, solver_store), environment.lock_path)
    with pytest.raises(BadInput) as caught:
        plan_lock(environment, request, store=solver_store, progress=NoProgress())
    assert str(caught.value) == f"{environment.lock_path}: has no package xaray\n  fix: did you mean xarray?"


def test_metadata_of_our_own_cannot_be_given(
    make_environment: Callable[[str], Environment], channel: Path, solver_store: Store
) -> None:
    request = LockRequest(mirrors={"conda-forge": str(channel)}, metadata=(("created_by", "me"),))
    with pytest.raises(BadInput) as caught:
        plan_lock(make_environment(XARRAY), request, store=solver_store, progress=NoProgress())
    assert str(caught.value) == "the metadata created_by is given twice, or is written by Bindery itself"


def test_mirror_without_records_is_refused(
    make_environment: Callable[[str], Environment], tmp_path: Path, solver_store: Store
) -> None:
    with pytest.raises(BadInput) as caught:
        solve(make_environment(XARRAY), tmp_path, solver_store)
    assert str(caught.value) == (
        f"{tmp_path}: mirrors no channel: there is no <platform>/repodata.json, packed with zstd or not"
    )


def test_damaged_mirror_is_refused(
    make_environment: Callable[[str], Environment], tmp_path: Path, solver_store: Store
) -> None:
    path = tmp_path / "mirror" / "noarch" / "repodata.json.zst"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\x28\xb5\x2f\xfd not at all")
    with pytest.raises(BadInput) as caught:
        solve(make_environment(XARRAY), tmp_path / "mirror", solver_store)
    assert str(caught.value).startswith(f"{path}: is not packed with zstd: ")
    assert not list((solver_store.root / "channel-records").glob(".work/*"))


def test_mirror_of_another_channel_is_refused(make_environment: Callable[[str], Environment], tmp_path: Path) -> None:
    environment = make_environment(XARRAY)
    options = SolveOptions(mirrors={"bioconda": str(tmp_path)})
    with pytest.raises(WrongUse) as caught:
        solve_lock(
            read_spec(environment),
            environment.lock_path,
            store=Store(tmp_path),
            progress=NoProgress(),
            options=options,
        )
    assert str(caught.value) == (
        "there is a mirror for bioconda, which is no channel of the spec\n  fix: mirror conda-forge"
    )


def test_channel_that_does_not_answer_is_a_failure_of_the_network(
    make_environment: Callable[[str], Environment], tmp_path: Path
) -> None:
    environment = make_environment(XARRAY)
    options = SolveOptions(mirrors={"conda-forge": "http://127.0.0.1:9/"})
    with pytest.raises(ToolFailed) as caught:
        solve_lock(
            read_spec(environment),
            environment.lock_path,
            store=Store(tmp_path),
            progress=NoProgress(),
            options=options,
        )
    assert caught.value.what.startswith("a channel cannot be read for ")
    assert caught.value.fix == (
        "check the network, or name a copy of the channel with --channel-mirror NAME=FOLDER|URL"
    )


def test_defaults_is_refused(make_environment: Callable[[str], Environment], tmp_path: Path) -> None:
    environment = make_environment("channels: [defaults]\ndependencies: [numpy]\n")
    with pytest.raises(BadInput) as caught:
        solve_lock(read_spec(environment), environment.lock_path, store=Store(tmp_path), progress=NoProgress())
    assert str(caught.value) == "the channel defaults stands for several\n  fix: name them by their URLs"


def test_pip_section_is_resolved_beside_conda(
    make_environment: Callable[[str], Environment], channel: Path, solver_store: Store
) -> None:
    environment = make_environment(XARRAY + "  - pip:\n    - nc-time-axis==1.4.1\n")
    lock = solve(environment, channel, solver_store)
    pip = {package.name: package for package in lock.packages_for("linux-64") if package.manager == "pip"}
    conda = {package.name: package for package in lock.packages_for("linux-64") if package.manager == "conda"}
    assert pip["nc-time-axis"].version == "1.4.1"
    assert pip["nc-time-axis"].file_name == "nc_time_axis-1.4.1-py3-none-any.whl"
    assert dict(pip["nc-time-axis"].dependencies).keys() >= {"cftime", "matplotlib"}
    assert pip["cftime"].url.startswith("https://")
    assert "manylinux" in pip["cftime"].file_name
    assert {"numpy", "packaging", "pip"} <= conda.keys()
    assert not {"numpy", "packaging"} & pip.keys()
    mac = {package.name: package for package in lock.packages_for("osx-arm64") if package.manager == "pip"}
    assert "macosx" in mac["cftime"].file_name
    assert parse_lock(encode_lock(lock), "x") == lock


def test_pip_section_that_contradicts_conda_is_refused(
    make_environment: Callable[[str], Environment], channel: Path, solver_store: Store
) -> None:
    environment = make_environment(XARRAY + "  - pip:\n    - packaging<20\n")
    with pytest.raises(BadInput) as caught:
        solve(environment, channel, solver_store)
    assert caught.value.what.startswith("the pip section cannot be resolved for linux-64 beside conda's packages")
    assert "packaging" in caught.value.what
    assert caught.value.fix == "relax a version, or take the package from conda"


def test_pip_section_without_python_is_refused(make_environment: Callable[[str], Environment], tmp_path: Path) -> None:
    from bindery.environments.pip_section import PipChoice, resolve_pip  # noqa: PLC0415 - not part of the front door

    environment = make_environment(HEAD + "  - pip:\n    - nc-time-axis\n")
    with pytest.raises(BadInput) as caught:
        resolve_pip(
            read_spec(environment), "linux-64", (), folder=tmp_path, where="environment.yml", choice=PipChoice()
        )
    assert str(caught.value) == (
        "environment.yml: there is a pip section, and no python among the conda packages\n  fix: add python"
    )
