from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bindery.core import PLATFORMS
from bindery.environments import Environment, read_lock, read_spec
from bindery.environments.content_hash import accepted_hashes, content_hashes
from bindery.environments.virtual_packages import virtual_packages

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

SPECS = {
    "plain": "channels: [conda-forge, nodefaults]\ndependencies: [python=3.12, xarray, zarr>=3]\n",
    "selectors": "channels: [conda-forge]\ncategory: dev\ndependencies:\n  - numpy\n  - procps-ng # [linux]\n",
    "builds": "channels: [conda-forge]\ndependencies: ['numpy=1.2=py_0', 'conda-forge::xarray', 'x[version=\">1\"]']\n",
    "pip": (
        "channels: [conda-forge]\npip-repositories: ['https://example.org/simple']\n"
        "dependencies:\n  - python\n  - pip:\n"
        "    - cmocean[extra]>=3\n    - x @ https://example.org/x.zip#sha256=00\n    - y ; sys_platform == 'linux'\n"
    ),
    "secret channel": "channels: ['https://example.org/t/${TOKEN}/channel']\ndependencies: [numpy]\n",
}


def test_published_locks_are_current(published: Path, pangeo_notebook: Environment) -> None:
    base = Environment(name="base-notebook", folder=published / "2025.07.17" / "base-notebook")
    for environment in (base, pangeo_notebook):
        assert tuple(content_hashes(read_spec(environment)).items()) == read_lock(environment.lock_path).content_hash


@pytest.mark.parametrize("name", SPECS)
def test_hashes_are_conda_locks(name: str, make_environment: Callable[[str], Environment]) -> None:
    ocean = make_environment(SPECS[name])
    assert content_hashes(read_spec(ocean)) == _hashes_by_conda_lock(ocean.sources)


@pytest.mark.parametrize("name", SPECS)
def test_accepted_hashes_are_conda_locks(name: str, make_environment: Callable[[str], Environment]) -> None:
    ocean = make_environment(SPECS[name])
    for platform in PLATFORMS:
        theirs = _accepted_by_conda_lock(ocean.sources, platform)
        assert theirs <= accepted_hashes(read_spec(ocean), platform)


def test_virtual_packages_are_conda_locks() -> None:
    from conda_lock.virtual_package import default_virtual_package_repodata  # noqa: PLC0415 - two seconds

    theirs = default_virtual_package_repodata().packages_by_subdir
    for platform in PLATFORMS:
        expected = {(one.name, one.version, one.build_string) for one, subdirs in theirs.items() if platform in subdirs}
        found = {(one.name, one.version, one.build) for one in virtual_packages(platform)}
        assert found == expected - {("__osx", "10.15", "")}


def test_glibc_can_be_another() -> None:
    found = {one.name: one.version for one in virtual_packages("linux-64", glibc="2.36")}
    assert (found["__glibc"], found["__linux"]) == ("2.36", "5.10")


def _hashes_by_conda_lock(sources: Sequence[Path]) -> dict[str, str]:
    from conda_lock.content_hash import compute_content_hashes  # noqa: PLC0415 - two seconds
    from conda_lock.virtual_package import default_virtual_package_repodata  # noqa: PLC0415

    return compute_content_hashes(_spec_by_conda_lock(sources), default_virtual_package_repodata())


def _accepted_by_conda_lock(sources: Sequence[Path], platform: str) -> set[str]:
    from conda_lock.content_hash import backwards_compatible_content_hashes  # noqa: PLC0415 - two seconds
    from conda_lock.virtual_package import default_virtual_package_repodata  # noqa: PLC0415

    spec = _spec_by_conda_lock(sources)
    return backwards_compatible_content_hashes(spec, default_virtual_package_repodata(), platform)


def _spec_by_conda_lock(sources: Sequence[Path]):  # type: ignore[no-untyped-def]  # noqa: ANN202 - conda-lock's own
    from conda_lock.src_parser import make_lock_spec  # noqa: PLC0415 - two seconds

    import bindery.environments.spec as room  # noqa: PLC0415

    mapping = f"{room.__path__[0]}/pypi-mapping.json"
    return make_lock_spec(src_files=list(sources), platform_overrides=list(PLATFORMS), mapping_url=mapping)
