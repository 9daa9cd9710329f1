"""What tests of images share: a registry, and certificates for servers of one test."""

from __future__ import annotations

import os
import pwd
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest
from tests.command import run_bindery
from tests.conftest import ROOT, find_python
from tests.testbed.certificates import Certificates, make_certificates
from tests.testbed.engine import Engine, run_engine
from tests.testbed.fault_proxy import FaultProxy, run_fault_proxy
from tests.testbed.registry import Registry, run_registry
from tests.testbed.shell import make_shell_archive

from bindery.core import NoProgress
from bindery.images import Image, read_image, store_layout
from bindery.images.base import ensure_base
from bindery.images.docker_engine import load_image

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    """Leave out what needs rights when an ordinary user tests at home, and say how many that are."""
    if os.geteuid() == 0 or os.environ.get("CI"):
        return
    subordinates = Path("/etc/subuid")
    user = pwd.getpwuid(os.geteuid()).pw_name
    can_make_bases = subordinates.is_file() and f"{user}:" in subordinates.read_text(encoding="utf-8")
    needed = {"docker_engine", "as_root", *(() if can_make_bases else ("debian_base", "debian_base_lock"))}
    left_out = [one for one in items if needed & set(getattr(one, "fixturenames", ()))]
    items[:] = [one for one in items if one not in left_out]
    config.hook.pytest_deselected(items=left_out)


@pytest.fixture(scope="session")
def shell_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a root file system that has a shell and little else: what must run, but has no need of an environment."""
    archive = tmp_path_factory.mktemp("shell") / "shell.tar"
    make_shell_archive(archive)
    return archive


@pytest.fixture(scope="session")
def real_repository(tmp_path_factory: pytest.TempPathFactory, debian_base_lock: Path) -> Path:
    """Return a repository that asks for ``environments/base`` in wheels; a test that changes it takes a copy."""
    folder = tmp_path_factory.mktemp("real") / "repository"
    shutil.copytree(ROOT / "tests/images/containers/repository", folder)
    for name in ("environment.yml", "wheels-3.11.txt"):
        shutil.copy(ROOT / "environments/base" / name, folder / "binder")
    shutil.copy(debian_base_lock, folder / "binder")
    return folder


class Build(Protocol):
    """Called with a repository, a name and further options; returns what ``bindery build`` printed."""

    def __call__(self, repository: Path, name: str, *options: str) -> str:
        """Return the line."""


class Verify(Protocol):
    """Called with an image and the repository that it must be an image of; returns what ``bindery verify`` said."""

    def __call__(self, image: str, repository: Path) -> str:
        """Return the last line."""


def making() -> tuple[str, ...]:
    """Return options for wheels, for the Python that tests share, with the repository in /srv/repo."""
    return ("--packages", "wheels", "--python", str(find_python("3.11")), "--repo-dir", "/srv/repo")


@pytest.fixture(scope="session")
def build_real(test_store: Store) -> Build:
    """Return the command ``bindery build``, of wheels, in the store of the tests."""

    def build(repository: Path, name: str, *options: str) -> str:
        # Debian 12's engine reads no layers that zstd compressed.
        words = ["build", str(repository), "--tag", name, "--compression", "gzip", "--quiet", *options]
        return run_bindery(test_store, *words, *making()).stdout

    return build


@pytest.fixture(scope="session")
def verify_real(test_store: Store) -> Verify:
    """Return the command ``bindery verify``, for images that ``build_real`` made."""

    def verify(image: str, repository: Path) -> str:
        words = ["verify", image, "--of", str(repository)]
        return run_bindery(test_store, *words, *making()).stderr.splitlines()[-1]

    return verify


@pytest.fixture(scope="session")
def real_image(docker_engine: Engine, test_store: Store, build_real: Build, real_repository: Path) -> str:
    """Return the name in the engine of an image of the real repository, made by the engine oci."""
    build_real(real_repository, "bindery-tests/real:1")
    image = read_image(store_layout(test_store), "bindery-tests/real:1")
    load_image(image, "bindery-tests/real:1", environ=docker_engine.environ, progress=NoProgress())
    return "bindery-tests/real:1"
