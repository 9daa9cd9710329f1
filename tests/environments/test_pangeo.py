"""The committed locks: what they were made from, and that other programs read it as Bindery does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bindery.environments import (
    compare_lists,
    find_environment,
    find_release,
    list_lock,
    read_lock,
    read_package_list,
    read_released_lock,
    read_spec,
)
from bindery.environments.lockfile import encode_body
from bindery.environments.wheels.pins import parse_pins

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conda_lock.lockfile.v2prelim.models import Lockfile

    from bindery.core import Settings
    from bindery.environments import Environment, Lock

NAMES = (
    "python xarray dask distributed zarr netcdf4 h5netcdf h5py numpy pandas pyarrow matplotlib-base bokeh ipykernel "
    "ipywidgets jupyterlab notebook jupyterhub-singleuser nbgitpuller dask-labextension jupyter-server-proxy "
    "dask-gateway nbclient scikit-learn scikit-image dask-ml rasterio rioxarray cartopy hvplot datashader intake "
    "intake-xarray"
)


@pytest.fixture(scope="module")
def pangeo(project_settings: Settings) -> Environment:
    return find_environment(project_settings, "pangeo")


@pytest.fixture(scope="module")
def lock(pangeo: Environment) -> Lock:
    return read_lock(pangeo.lock_path)


def test_spec_asks_for_the_stack(pangeo: Environment) -> None:
    asked = read_spec(pangeo).requirements_for("linux-64")
    assert sorted(one.name for one in asked) == sorted(NAMES.split())


@pytest.mark.parametrize("name", ["base", "pangeo", "ml"])
def test_every_package_is_of_the_published_release(
    name: str, project_settings: Settings, pangeo_notebook: Environment
) -> None:
    published = {(package.url, package.sha256) for package in read_lock(pangeo_notebook.lock_path).packages}
    packages = read_lock(find_environment(project_settings, name).lock_path).packages
    assert {(package.url, package.sha256) for package in packages} <= published
    assert all(package.url.startswith("https://conda.anaconda.org/conda-forge/") for package in packages)


@pytest.mark.parametrize("name", ["base", "pangeo"])
@pytest.mark.parametrize("version", ["2025.07.17", "2025.08.14"])
def test_every_package_of_a_release_is_of_the_published_one(
    name: str, version: str, project_settings: Settings, published: Path
) -> None:
    theirs = read_lock(published / version / "pangeo-notebook" / "conda-lock.yml").packages
    lock = read_released_lock(find_release(find_environment(project_settings, name), version))
    assert {(package.url, package.sha256) for package in lock.packages} <= {(one.url, one.sha256) for one in theirs}
    assert dict(lock.custom_metadata)["locked_release"] == f"pangeo-notebook {version} of pangeo-docker-images"


def test_layers_have_the_packages_below_them(project_settings: Settings) -> None:
    """What base has, pangeo and ml have in the same build, so that their JupyterLab and Dask are the same."""
    below: set[str] = set()
    for name in ("base", "pangeo", "ml"):
        urls = {package.url for package in read_lock(find_environment(project_settings, name).lock_path).packages}
        assert below <= urls
        below = urls


@pytest.mark.parametrize("name", ["hpc", "ml"])
@pytest.mark.parametrize("minor", ["3.11", "3.12"])
def test_pins_of_a_layer_are_only_what_it_adds(minor: str, name: str, project_settings: Settings) -> None:
    seen: set[str] = set()
    for environment in find_environment(project_settings, name).layers:
        text = (environment.folder / f"wheels-{minor}.txt").read_text(encoding="utf-8")
        names = {pin.name for pin in parse_pins(text, environment.name, environment.name)}
        assert not names & seen
        seen |= names


@pytest.mark.parametrize("name", ["base", "pangeo", "ml"])
@pytest.mark.parametrize("minor", ["3.11", "3.12"])
def test_pins_are_in_the_versions_of_the_lock(minor: str, name: str, project_settings: Settings) -> None:
    folder = find_environment(project_settings, name).folder
    pins = read_package_list(f"{folder}/wheels-{minor}.txt", lambda: project_settings)
    changes = compare_lists(pins, list_lock(read_lock(folder / "conda-lock.yml"), name)).changes
    # conda-forge asks for more: what wheels bundle, or need on other Pythons only. PyPI has no pyshp 3.0.0.
    other = {(change.name, change.kind) for change in changes if change.kind != "added"}
    assert other <= {("pyshp", "downgraded")}


def test_packages_on_each_platform(lock: Lock) -> None:
    counts = {platform: len(lock.packages_for(platform)) for platform in lock.platforms}
    assert counts == {"linux-64": 395, "linux-aarch64": 394, "osx-64": 378, "osx-arm64": 378}


def test_lock_says_how_it_was_made(lock: Lock) -> None:
    made = dict(lock.custom_metadata)
    assert made["created_by"].startswith("bindery ")
    assert made["locked_release"] == "pangeo-notebook 2025.08.14 of pangeo-docker-images"
    assert made["locked_from"].startswith("pangeo-notebook-2025.08.14.yml sha256:")
    assert made["mirrored_channels"] == "conda-forge"


def test_file_is_as_bindery_writes_it(pangeo: Environment, lock: Lock) -> None:
    text = pangeo.lock_path.read_text(encoding="utf-8")
    assert encode_body(lock) == text[text.index("version: 1\n") :]


def test_conda_lock_reads_the_same(
    pangeo: Environment, lock: Lock, parse_by_conda_lock: Callable[[Path], Lockfile]
) -> None:
    theirs = parse_by_conda_lock(pangeo.lock_path)
    found = {(one.name, one.platform, one.version, one.url, one.hash.md5, one.hash.sha256) for one in theirs.package}
    ours = {
        (one.name, one.platform, one.version, one.url, one.md5.hex if one.md5 else None, one.sha256.hex)
        for one in lock.packages
    }
    assert found == ours
    assert theirs.metadata.content_hash == dict(lock.content_hash)


def test_rattler_reads_the_same(pangeo: Environment, lock: Lock) -> None:
    import rattler  # noqa: PLC0415

    environment = rattler.LockFile.from_path(pangeo.lock_path).default_environment()
    assert environment is not None
    found = environment.packages_by_platform()
    assert sum(len(packages) for packages in found.values()) == len(lock.packages)
