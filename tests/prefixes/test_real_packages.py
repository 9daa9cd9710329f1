"""Real wheels as real conda packages: installed, verified, run as a kernel; for both Pythons that are supported."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import start_new_kernel
from tests.conftest import ROOT, find_python

from bindery.core import NoProgress, Store, digest_file, host_platform, read_settings
from bindery.environments import find_environment, realise
from bindery.prefixes import bytecode, ensure_linked, ensure_prefix, process_environ, register_kernel, verify_prefix
from bindery.prefixes.expected import expect_tree
from bindery.prefixes.making import gather_contents

if TYPE_CHECKING:
    from bindery.environments import Realised
    from bindery.prefixes import Prefix

TARGET = "/srv/conda/envs/notebook"
NEEDED = frozenset(
    """
    asttokens click comm debugpy decorator executing ipykernel ipython ipython-pygments-lexers jedi jupyter-client
    jupyter-core matplotlib-inline nest-asyncio numpy packaging parso pexpect pickleshare platformdirs
    prompt-toolkit psutil ptyprocess pure-eval pygments python-dateutil pyyaml pyzmq six stack-data tornado
    traitlets typing-extensions wcwidth
    """.split()  # noqa: SIM905 - a list of words is read as words
)


def write_project(folder: Path, minor: str) -> None:
    """Make a project whose only environment has some of the pins of pangeo."""
    environment = folder / "environments" / "small"
    environment.mkdir(parents=True)
    (folder / "bindery.toml").write_text("")
    files = [ROOT / "environments" / name / f"wheels-{minor}.txt" for name in ("base", "pangeo")]
    pins = [line for path in files for line in path.read_text().splitlines()]
    chosen = [line for line in pins if line.partition("==")[0] in NEEDED]
    (environment / f"wheels-{minor}.txt").write_text("\n".join(chosen) + "\n")
    (environment / "environment.yml").write_text(
        f"channels: [conda-forge]\nplatforms: [{host_platform()}]\n"
        f"dependencies: [python={minor}, ipykernel, numpy, click, pyyaml]\n"
    )


@pytest.fixture(scope="module", params=["3.11", "3.12"])
def small(request: pytest.FixtureRequest, test_store: Store, tmp_path_factory: pytest.TempPathFactory) -> Realised:
    """Return the small environment for one version of Python."""
    minor = str(request.param)
    folder = tmp_path_factory.mktemp("project")
    write_project(folder, minor)
    return realise(
        find_environment(read_settings(folder), "small"),
        packages="wheels",
        interpreter=str(find_python(minor)),
        platform=host_platform(),
        store=test_store,
        progress=NoProgress(),
    )


@pytest.fixture(scope="module")
def prefix(small: Realised, test_store: Store) -> Prefix:
    """Return its prefix."""
    return ensure_prefix(small, store=test_store, progress=NoProgress())


def test_a_prefix_is_what_its_lock_makes(small: Realised, prefix: Prefix, test_store: Store) -> None:
    assert verify_prefix(prefix.path, small, store=test_store, progress=NoProgress()) == ()


def test_bytes_follow_from_the_package_alone(
    small: Realised, test_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    linked = ensure_linked(small, TARGET, store=test_store, progress=NoProgress())
    tree = expect_tree(gather_contents(small, test_store, NoProgress()), TARGET, small.platform)
    compiled = [path for path in linked.entries if path.endswith(".pyc")]
    elsewhere = tmp_path / "another folder"
    shutil.copytree(linked.root, elsewhere, symlinks=True, ignore=shutil.ignore_patterns("*.pyc"), copy_function=_link)
    # Another number of cores, each package in a process of its own, other hashes of strings, another clock.
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    monkeypatch.setattr(bytecode, "BATCH", 1)
    monkeypatch.setattr(
        bytecode, "ENVIRON", {"LC_ALL": "POSIX", "PYTHONHASHSEED": "4711", "TZ": "Asia/Tokyo", "HOME": str(tmp_path)}
    )
    bytecode.compile_bytecode(tree, elsewhere, NoProgress())
    assert len(compiled) > 1000
    assert {path: digest_file(elsewhere / path).hex for path in compiled} == {
        path: linked.entries[path].sha256 for path in compiled
    }


def _link(source: str, target: str) -> None:
    Path(target).hardlink_to(source)


def states(folder: Path) -> dict[str, tuple[int, int, int, int]]:
    """Return what changes of anything below the folder when somebody writes there."""
    found = ((path, path.lstat()) for path in (folder, *folder.rglob("*")))
    return {str(path): (one.st_ino, one.st_mode, one.st_size, one.st_mtime_ns) for path, one in found}


def test_its_python_runs_and_writes_nothing_into_it(prefix: Prefix) -> None:
    before = states(prefix.path)
    program = "import sys, numpy, yaml, sqlite3, ssl, ctypes; print(sys.prefix, numpy.arange(4).sum(), numpy.__file__)"
    base = {"PATH": os.environ["PATH"], "PYTHONPATH": "/nowhere", "LD_LIBRARY_PATH": "/nowhere"}
    finished = subprocess.run(
        [prefix.python, "-c", program],
        env=process_environ(prefix.path, base),
        capture_output=True,
        text=True,
        check=True,
    )
    where, total, module = finished.stdout.split()
    assert (where, total) == (str(prefix.path), "6")
    assert module.startswith(f"{prefix.path}/lib/")
    assert states(prefix.path) == before
    assert len(before) > 1000


def test_its_kernel_is_offered_and_runs(prefix: Prefix, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    register_kernel(prefix, "small", os.environ)
    assert KernelSpecManager().get_kernel_spec("bindery-small").display_name == prefix.label
    manager, client = start_new_kernel(kernel_name="bindery-small", startup_timeout=120)
    try:
        outputs: list[str] = []

        def keep(message: dict[str, dict[str, str]]) -> None:
            outputs.append(message["content"].get("text", ""))

        program = "import os, sys; print([sys.prefix, os.environ['CONDA_PREFIX'], os.environ.get('PYTHONPATH')])"
        client.execute_interactive(program, output_hook=keep, timeout=120)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert json.loads("".join(outputs).replace("'", '"').replace("None", "null")) == [
        str(prefix.path),
        str(prefix.path),
        None,
    ]
