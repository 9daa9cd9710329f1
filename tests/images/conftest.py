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

from bindery.core import NoProgress
from bindery.images import Image, store_layout
from bindery.images.base import ensure_base

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bindery.core import Store


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
def debian_base_lock(test_store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a ``base.lock`` of the real base of the machine's Debian mirror, which the test store keeps."""
    lock = tmp_path_factory.mktemp("base") / "base.lock"
    ensure_base(
        lock,
        "debian:bookworm",
        update=False,
        layout=store_layout(test_store),
        store=test_store,
        progress=NoProgress(),
    )
    return lock


@pytest.fixture(scope="session")
def debian_base(test_store: Store, debian_base_lock: Path) -> Image:
    """Return the real base of Debian packages, in the layout of the test store; made once on a machine."""
    return ensure_base(
        debian_base_lock,
        None,
        update=False,
        layout=store_layout(test_store),
        store=test_store,
        progress=NoProgress(),
    )


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
