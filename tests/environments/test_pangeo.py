"""The committed lock: what it was made from, and that other programs read it as Bindery does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bindery.environments import Environment, find_environment, read_lock, read_spec
from bindery.environments.lockfile import encode_body

if TYPE_CHECKING:
    from bindery.core import Settings
    from bindery.environments import Lock

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


def test_every_package_is_of_the_published_release(lock: Lock, pangeo_notebook: Environment) -> None:
    published = {(package.url, package.sha256) for package in read_lock(pangeo_notebook.lock_path).packages}
    assert {(package.url, package.sha256) for package in lock.packages} <= published
    assert all(package.url.startswith("https://conda.anaconda.org/conda-forge/") for package in lock.packages)


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


def test_conda_lock_reads_the_same(pangeo: Environment, lock: Lock) -> None:
    from conda_lock.lockfile import parse_conda_lock_file  # noqa: PLC0415 - two seconds

    theirs = parse_conda_lock_file(pangeo.lock_path)
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
