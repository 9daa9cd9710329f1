"""Bundles as somebody types them: made where there is a network, installed where there is none."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Protocol

import pytest
from tests.prefixes.conftest import CHANNEL, library_recipe, lock_packages, python_recipe, tool_recipe

from bindery.core import host_platform
from bindery.environments import write_lock


class Run(Protocol):
    """Runs ``bindery`` in a folder, with a store of its own; without a network unless it is told to."""

    def __call__(
        self, *words: str, cwd: Path, store: str, has_network: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """Return the process, which has ended."""


NOWHERE = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy"), "http://127.0.0.1:9")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project whose lock names a channel that is on no server; a folder beside it has the same bytes."""
    folder = tmp_path / "project" / "environments" / "tiny"
    folder.mkdir(parents=True)
    (tmp_path / "project" / "bindery.toml").write_text("")
    recipes = (python_recipe(), tool_recipe(), library_recipe())
    write_lock(lock_packages(*recipes, channel=tmp_path / "channel"), folder / "conda-lock.yml")
    return tmp_path / "project"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return a function that runs ``bindery`` in a folder, with a store of its own, without a network if it can."""
    unshare = shutil.which("unshare")
    namespace = [unshare, "-rn"] if unshare else []
    if subprocess.run([*namespace, "true"], capture_output=True, check=False).returncode:
        namespace = []  # a container may forbid it; the proxies that answer nothing remain

    def call(*words: str, cwd: Path, store: str, has_network: bool = False) -> subprocess.CompletedProcess[str]:
        environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "BINDERY_STORE": str(tmp_path / store)}
        return subprocess.run(
            [*([] if has_network else namespace), sys.executable, "-m", "bindery", *words],
            cwd=cwd,
            env=environ if has_network else environ | NOWHERE,
            capture_output=True,
            text=True,
            check=False,
        )

    return call


def test_environment_travels_in_a_bundle(run: Run, project: Path, tmp_path: Path) -> None:
    words = ("channel", "--from-lock", "tiny", "-o", str(tmp_path / "disk"))
    mirror = ("--channel-mirror", f"{CHANNEL}={tmp_path / 'channel'}")
    made = run(*words, *mirror, cwd=project, store="here", has_network=True)
    assert made.returncode == 0, made.stderr
    assert made.stdout == f"{tmp_path / 'disk'}\n"
    size = sum(path.stat().st_size for path in (tmp_path / "disk").rglob("*.conda"))
    assert made.stderr.splitlines()[-1] == f"Tiny: 3 packages for {host_platform()}, {size:,} bytes"
    shutil.rmtree(tmp_path / "channel")
    # On the other machine there is no project either.
    (tmp_path / "node").mkdir()
    done = run("install", "tiny", "--offline", "--bundle", "../disk", cwd=tmp_path / "node", store="there")
    assert done.returncode == 0, done.stderr
    prefix = Path(done.stdout.removesuffix("\n"))
    assert prefix.parent == tmp_path / "there" / "prefixes"
    assert (prefix / "bin" / "tool").is_file()
    checked = run("verify", str(prefix), cwd=tmp_path / "node", store="there")
    assert checked.stderr.splitlines()[-1] == f"Tiny: {prefix}: as the lock makes it"


def test_lock_file_makes_a_bundle_and_says_so_in_json(run: Run, project: Path, tmp_path: Path) -> None:
    lock = project / "environments" / "tiny" / "conda-lock.yml"
    mirror = ("--channel-mirror", f"{CHANNEL}={tmp_path / 'channel'}")
    made = run("channel", "--from-lock", str(lock), "-o", "disk", *mirror, "--json", cwd=tmp_path, store="here")
    document = json.loads(made.stdout)
    assert (document["schema"], document["packages"], document["platforms"]) == (1, 3, [host_platform()])
    assert document["folder"] == str(tmp_path / "disk")


@pytest.mark.parametrize(
    ("words", "status", "error"),
    [
        (
            ("install", "tiny", "--offline"),
            2,
            (
                "error: --offline needs --bundle FOLDER\n"
                "  fix: make the folder: bindery channel --from-lock ENV -o FOLDER\n"
            ),
        ),
        (
            ("install", "tiny", "--bundle", ".", "--packages", "wheels"),
            2,
            "error: --bundle has its own packages\n  fix: leave out --packages, --python and --channel-mirror\n",
        ),
        (
            ("install", "tiny", "--bundle", ".", "--channel-mirror", "conda-forge=/srv"),
            2,
            "error: --bundle has its own packages\n  fix: leave out --packages, --python and --channel-mirror\n",
        ),
        (
            ("install", "tiny", "--packages", "wheels", "--channel-mirror", "conda-forge=/srv"),
            2,
            (
                "error: tiny: --channel-mirror is for conda-forge's packages, and this is made of wheels\n"
                "  fix: leave it out, or add --packages conda-forge\n"
            ),
        ),
        (
            ("install", "tiny", "--packages", "conda-forge", "--channel-mirror", "other=/srv"),
            2,
            f"error: there is a mirror for other, which is no channel of the spec\n  fix: mirror {CHANNEL}\n",
        ),
        (
            ("channel", "--from-lock", "tiny"),
            2,
            "error: a bundle needs --from-lock and -o, and no --update-pins\n  fix: bindery channel --help\n",
        ),
        (
            ("channel", "--from-lock", "tiny", "-o", "disk", "--channel-mirror", "nonsense"),
            2,
            (
                "Usage: bindery channel [OPTIONS] [ENV]\nTry 'bindery channel --help' for help.\n\n"
                "Error: Invalid value for '--channel-mirror': 'nonsense' is not NAME=PLACE\n"
            ),
        ),
        (
            ("channel", "--from-lock", "tiny", "-o", "disk", "--channel-mirror", "other=/srv"),
            2,
            f"error: there is a mirror for other, which is no channel of the spec\n  fix: mirror {CHANNEL}\n",
        ),
        (
            ("channel", "--from-lock", "tiny", "-o", "disk", "--platform", "osx-64"),
            3,
            (
                "error: PROJECT/environments/tiny/conda-lock.yml: is not locked for osx-64, only for "
                f"{host_platform()}\n  fix: add osx-64 to the platforms in environment.yml, then bindery lock tiny\n"
            ),
        ),
    ],
)
def test_what_cannot_be_bundled_is_told(
    run: Run, project: Path, words: tuple[str, ...], status: int, error: str
) -> None:
    done = run(*words, cwd=project, store="here")
    assert (done.returncode, done.stdout, done.stderr.replace(str(project), "PROJECT")) == (status, "", error)


@pytest.mark.parametrize("packages", [(), ("--packages", "conda-forge")], ids=["auto", "conda-forge"])
def test_packages_are_installed_from_a_mirror(
    run: Run, project: Path, tmp_path: Path, packages: tuple[str, ...]
) -> None:
    mirror = ("--channel-mirror", f"{CHANNEL}={tmp_path / 'channel'}")
    done = run("install", "tiny", *packages, *mirror, cwd=project, store="here")
    assert done.returncode == 0, done.stderr
    assert (Path(done.stdout.removesuffix("\n")) / "bin" / "tool").is_file()
    shutil.rmtree(tmp_path / "channel")
    gone = run("install", "tiny", "--packages", "auto", *mirror, cwd=project, store="there")
    assert (gone.returncode, gone.stdout) == (2, "")
    assert gone.stderr == (
        f"tiny: {CHANNEL} does not answer; taking wheels instead (--packages names one of the two)\n"
        "error: tiny: --channel-mirror is for conda-forge's packages, and this is made of wheels\n"
        "  fix: leave it out, or add --packages conda-forge\n"
    )
