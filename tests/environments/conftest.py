"""Published locks, a small channel, and projects to try them in."""

from __future__ import annotations

import importlib
import lzma
import warnings
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from bindery.core import Settings, Store, read_settings
from bindery.environments import Environment

if TYPE_CHECKING:
    from collections.abc import Callable

    from conda_lock.lockfile.v2prelim.models import Lockfile

DATA = Path(__file__).with_name("data")
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session", autouse=True)
def _conda_lock() -> None:
    """Import conda-lock once, whose vendored conda warns of its own deprecations."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        importlib.import_module("conda_lock.conda_lock")


@pytest.fixture(scope="session")
def parse_by_conda_lock() -> Callable[[Path], Lockfile]:
    """Return conda-lock's own reader of locks, with libyaml's parser, which reads the same in a quarter of the time."""
    from conda_lock.lockfile import parse_conda_lock_file  # noqa: PLC0415 - two seconds

    def parse(path: Path) -> Lockfile:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(yaml, "safe_load", partial(yaml.load, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
            return parse_conda_lock_file(path)

    return parse


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of published locks, unpacked: ``<release>/<name>/{conda-lock,environment}.yml``."""
    folder = tmp_path_factory.mktemp("published")
    for path in (DATA / "published").glob("*/*/*"):
        target = folder / path.relative_to(DATA / "published")
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".xz":
            target.with_suffix("").write_bytes(lzma.decompress(path.read_bytes()))
        else:
            target.write_bytes(path.read_bytes())
    return folder


@pytest.fixture(scope="session")
def pangeo_notebook(published: Path) -> Environment:
    """Return the published environment that extends another one."""
    base = Environment(name="base-notebook", folder=published / "2025.08.14" / "base-notebook")
    # Its own maintainers pass the sources in the other order; they name no package twice, so the hash is the same.
    return Environment(name="pangeo-notebook", folder=published / "2025.08.14" / "pangeo-notebook", extends=(base,))


@pytest.fixture(scope="session")
def channel() -> Path:
    """Return the folder of the small channel."""
    return DATA / "channel"


@pytest.fixture(scope="session")
def project_settings() -> Settings:
    """Return the settings of this repository."""
    return read_settings(ROOT)


@pytest.fixture(scope="session")
def solver_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Return a store for the records of channels."""
    return Store(tmp_path_factory.mktemp("store"))


@pytest.fixture
def make_environment(tmp_path: Path) -> Callable[[str], Environment]:
    """Return a function that makes the environment ``ocean`` of a project, with this spec."""

    def make(spec: str) -> Environment:
        folder = tmp_path / "environments" / "ocean"
        folder.mkdir(parents=True, exist_ok=True)
        (tmp_path / "bindery.toml").touch()
        (folder / "environment.yml").write_text(spec, encoding="utf-8")
        return Environment(name="ocean", folder=folder)

    return make
