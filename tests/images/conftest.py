"""What tests of images share: a registry, and certificates for servers of one test."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.testbed.certificates import Certificates, make_certificates
from tests.testbed.engine import Engine, run_engine
from tests.testbed.fault_proxy import FaultProxy, run_fault_proxy
from tests.testbed.registry import Registry, run_registry
from tests.testbed.shell import make_shell_archive

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """Return an open registry on plain HTTP that all tests share: each writes to names of its own."""
    with run_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture
def fault_proxy(registry: Registry) -> Iterator[FaultProxy]:
    """Return a proxy in front of the registry that does wrong what the test tells it."""
    with run_fault_proxy(registry.host) as running:
        yield running


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Return certificates of 127.0.0.1."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[Engine]:
    """Return a Docker engine with buildx that all tests share; only root can start it."""
    with run_engine() as running:
        yield running


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs the engine when an ordinary user tests at home, and say how many that are."""
    if os.geteuid() == 0 or os.environ.get("CI"):
        return
    left_out = [one for one in items if "docker_engine" in getattr(one, "fixturenames", ())]
    items[:] = [one for one in items if one not in left_out]
    config.hook.pytest_deselected(items=left_out)


@pytest.fixture(scope="session")
def shell_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a root file system that has a shell and little else: what must run, but has no need of an environment."""
    archive = tmp_path_factory.mktemp("shell") / "shell.tar"
    make_shell_archive(archive)
    return archive
