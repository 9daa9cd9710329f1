"""What all tests share: nothing is skipped in CI, and what is dear to make is made once on a machine."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Protocol, cast

import pytest
from tests.command import run_bindery
from tests.hpc import SIF, build_image, copy_project, ensure_sif
from tests.schedule import make_scheduler
from tests.testbed.apptainer import Apptainer, unpack_apptainer
from tests.testbed.pbs import Pbs, run_pbs
from tests.testbed.slurm import Slurm, run_slurm
from tests.testbed.sshd import Sshd, run_sshd
from tests.testbed.users import User, make_user

from bindery.core import NoProgress, Store
from bindery.images import Image, store_layout
from bindery.images.base import ensure_base

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parent.parent
AS_ROOT = frozenset({"apptainer", "running_pbs", "running_slurm", "sshd"})
"""Fixtures that only root has; what comes from another suite of Debian is unpacked by root."""
ALLOWED_SKIPS = Path(__file__).with_name("allowed-skips.txt")


def parse_allowed_skips(text: str) -> tuple[str, ...]:
    """Return the patterns of node ids that the list allows.

    Raises:
        ValueError: a pattern has no reason beside it.

    """
    patterns = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split("#")[0].split(maxsplit=1)
        if not words:
            continue
        if len(words) == 1:
            raise ValueError(f"line {number}: a skip needs a reason")
        patterns.append(words[0])
    return tuple(patterns)


class NoSkips:
    """Fails a run in which a test was skipped, or was expected to fail, that the list does not name."""

    def __init__(self, patterns: tuple[str, ...]) -> None:
        self._patterns = patterns
        self._skipped: list[tuple[str, str]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember a test that did not run to its end."""
        self._remember(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Remember a module that skipped itself."""
        self._remember(report)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Make a run that would have passed fail."""
        if self._skipped and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say which tests failed the run."""
        for name, why in self._skipped:
            terminalreporter.write_line(f"skipped in CI, and not in tests/allowed-skips.txt: {name}: {why}")

    def _remember(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if report.skipped and not any(fnmatchcase(report.nodeid, pattern) for pattern in self._patterns):
            why = report.longrepr[2] if isinstance(report.longrepr, tuple) else getattr(report, "wasxfail", "")
            self._skipped.append((report.nodeid, str(why)))


class Node(Protocol):
    """One of several processes that share a run, as xdist describes it to the one that hears of all tests."""

    config: pytest.Config
    workeroutput: Mapping[str, list[str]]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let golden files be written anew; the commit that does it says why."""
    parser.addoption("--update-golden", action="store_true", help="write expected files anew instead of comparing")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Return whether expected files are to be written anew."""
    return request.config.getoption("--update-golden") is True


def pytest_configure(config: pytest.Config) -> None:
    """Hold the rule in CI, where nothing is left out, and have Ctrl-C work in whatever the tests start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell starts what runs in its background so, and the programs that we interrupt would inherit it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # Where several processes share a run, the one that hears of all tests holds the rule.
    if os.environ.get("CI") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(NoSkips(parse_allowed_skips(ALLOWED_SKIPS.read_text(encoding="utf-8"))))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what only root can start when an ordinary user tests at home, and say how many that are."""
    if os.geteuid() == 0 or os.environ.get("CI"):
        return
    left_out = [one for one in items if AS_ROOT & set(getattr(one, "fixturenames", ()))]
    items[:] = [one for one in items if one not in left_out]
    config.hook.pytest_deselected(items=left_out)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Have several processes share a run so that what is dear is started once."""
    return make_scheduler(config, log)


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Let whoever hears of all tests know what is left out; xdist tells only of those that are run."""
    told: dict[str, object] = getattr(items[0].config, "workeroutput", {}) if items else {}
    told["left_out"] = [*cast("list[str]", told.get("left_out", [])), *(one.nodeid for one in items)]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Node) -> None:
    """Count what a process left out; all leave out the same."""
    terminal = node.config.pluginmanager.get_plugin("terminalreporter")
    if terminal is not None:
        terminal.stats["deselected"] = [SimpleNamespace(nodeid=one) for one in node.workeroutput.get("left_out", [])]


def user_cache(environ: Mapping[str, str]) -> Path:
    """Return the folder of caches of the user."""
    chosen = environ.get("XDG_CACHE_HOME")
    return Path(chosen).absolute() if chosen else Path.home() / ".cache"


@pytest.fixture(scope="session")
def test_store() -> Store:
    """Return the store that all tests of all runs share."""
    chosen = os.environ.get("BINDERY_TEST_STORE")
    return Store(Path(chosen).absolute() if chosen else user_cache(os.environ) / "bindery-tests")


class StackPython(Protocol):
    """Called with a version of Python such as ``3.12``; returns that Python, with the whole stack."""

    def __call__(self, minor: str) -> Path:
        """Return the interpreter's path."""


def find_python(minor: str) -> Path:
    """Return an interpreter of that version from this machine, or skip the test (which fails a run in CI)."""
    version = tuple(int(part) for part in minor.split("."))
    if sys.version_info[:2] == version:
        return Path(sys.executable).resolve()
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [shutil.which(f"python{minor}") or "", *sorted(map(str, pyenv.glob(f"{minor}.*/bin/python3")))]
    check = f"import sys; sys.exit(sys.version_info[:2] != {version})"
    for candidate in filter(None, candidates):
        if subprocess.run([candidate, "-c", check], capture_output=True, check=False).returncode == 0:
            return Path(candidate)
    pytest.skip(f"there is no Python {minor} on this machine")


@pytest.fixture(scope="session")
def stack_python(test_store: Store) -> StackPython:
    """Return a function that gives the Python of ``environments/pangeo``, as ``bindery install`` makes it."""

    @cache
    def ensure(minor: str) -> Path:
        words = ["install", "pangeo", "--packages", "wheels", "--python", str(find_python(minor)), "--quiet"]
        done = run_bindery(test_store, *words, cwd=ROOT)
        return Path(done.stdout.rstrip("\n")) / "bin" / "python"

    return ensure


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
def hpc_project(debian_base_lock: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project in which ``hpc`` has a base, for tests to read."""
    return copy_project(tmp_path_factory.mktemp("hpc") / "project", debian_base_lock)


@pytest.fixture(scope="session")
def hpc_image(hpc_project: Path, test_store: Store) -> Image:
    """Return the image of ``environments/hpc`` in wheels, with this repository's notebooks in /srv/repo."""
    return build_image(hpc_project, test_store, find_python("3.11"))


@pytest.fixture(scope="session")
def hpc_sif(hpc_image: Image, test_store: Store, apptainer: Apptainer) -> Path:
    """Return the SIF of ``hpc_image``, which every user can read."""
    return apptainer.share(ensure_sif(hpc_image, test_store) / SIF)


@pytest.fixture(scope="session")
def tester() -> Iterator[User]:
    """Return an ordinary user with a home: one made for this run, or whoever tests, if that is not root."""
    with make_user() as user:
        yield user


@pytest.fixture(scope="session")
def apptainer() -> Iterator[Apptainer]:
    """Return a real Apptainer, which root and ordinary users can call."""
    with unpack_apptainer() as unpacked:
        yield unpacked


@pytest.fixture(scope="session")
def running_slurm() -> Iterator[Slurm]:
    """Return a real Slurm that all tests share."""
    with run_slurm() as running:
        yield running


@pytest.fixture
def slurm(running_slurm: Slurm) -> Iterator[Slurm]:
    """Return a real Slurm without jobs; what a test leaves in it is cancelled."""
    yield running_slurm
    running_slurm.cancel_all()


@pytest.fixture(scope="session")
def running_pbs() -> Iterator[Pbs]:
    """Return a small PBS that all tests share."""
    with run_pbs() as running:
        yield running


@pytest.fixture
def pbs(running_pbs: Pbs) -> Iterator[Pbs]:
    """Return a small PBS without jobs; what a test leaves in it is deleted."""
    yield running_pbs
    running_pbs.delete_all()


@pytest.fixture
def qsub_bin(pbs: Pbs) -> Path:
    """Return the folder with qsub, qdel and qstat, to be put on PATH."""
    return pbs.bin


@pytest.fixture(scope="session")
def sshd(tester: User) -> Iterator[Sshd]:
    """Return an ssh server on loopback, into which whoever tests can log in as ``tester``."""
    with run_sshd(tester) as running:
        yield running
