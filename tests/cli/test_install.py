"""``install``, ``shell`` and ``verify`` as somebody types them, in a project of one small environment."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.prefixes.conftest import PYTHON, library_recipe, locked, python_recipe, tool_recipe, write_package

from bindery.core import host_platform, read_settings
from bindery.environments import find_environment, read_lock, read_spec, write_lock
from bindery.environments.content_hash import content_hashes

if TYPE_CHECKING:
    from collections.abc import Callable

from bindery.environments import Lock, LockedChannel

Run = "Callable[..., subprocess.CompletedProcess[str]]"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project whose lock names archives on this machine."""
    folder = tmp_path / "project" / "environments" / "tiny"
    folder.mkdir(parents=True)
    (tmp_path / "project" / "bindery.toml").write_text("")
    channel = tmp_path / "channel"
    packages = []
    for recipe in (python_recipe(), tool_recipe(), library_recipe()):
        archive = write_package(recipe, channel)
        packages.append(
            locked(recipe, archive).__class__(
                name=recipe.name,
                version=recipe.version,
                manager="conda",
                platform=host_platform(),
                url=archive.as_uri(),
                sha256=locked(recipe, archive).sha256,
                md5=locked(recipe, archive).md5,
            )
        )
    lock = Lock(
        packages=tuple(packages),
        content_hash=((host_platform(), "0" * 64),),
        channels=(LockedChannel(url=channel.as_uri()),),
        platforms=(host_platform(),),
        sources=("environment.yml",),
        custom_metadata=(("created_by", "test"),),
    )
    write_lock(lock, folder / "conda-lock.yml")
    (folder / "environment.yml").write_text(f"channels: [{channel.as_uri()}]\ndependencies: [python, tool, library]\n")
    return tmp_path / "project"


@pytest.fixture
def run(project: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs ``bindery`` in the project with a store and a home of its own."""

    def call(*words: str, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        home = tmp_path / "home"
        home.mkdir(exist_ok=True)
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "BINDERY_STORE": str(tmp_path / "store"),
            "JUPYTER_DATA_DIR": str(tmp_path / "jupyter"),
        }
        return subprocess.run(
            [sys.executable, "-m", "bindery", *words],
            cwd=project,
            env=environ | variables,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )

    return call


CONDA = ("--packages", "conda-forge")


def test_install_prints_the_prefix_and_nothing_else(run: Run, tmp_path: Path) -> None:
    done = run("install", "tiny", *CONDA)
    assert done.returncode == 0, done.stderr
    prefix = Path(done.stdout.removesuffix("\n"))
    assert prefix.parent == tmp_path / "store" / "prefixes"
    assert (prefix / "bin" / "tool").is_file()
    assert "Linking packages: 3 of 3 packages" in done.stderr
    again = run("install", "tiny", *CONDA, "--quiet")
    assert (again.returncode, again.stdout, again.stderr) == (0, done.stdout, "")


def test_install_registers_a_kernel_and_speaks_json(run: Run, tmp_path: Path) -> None:
    done = run("install", "tiny", *CONDA, "--kernel", "--json")
    document = json.loads(done.stdout)
    kernel = tmp_path / "jupyter" / "kernels" / "bindery-tiny" / "kernel.json"
    assert document["kernel"] == str(kernel)
    assert (document["schema"], document["environment"], document["packages"]) == (1, "tiny", "conda-forge")
    assert json.loads(kernel.read_text())["argv"][-5] == f"{document['prefix']}/bin/python"
    assert done.stderr.splitlines()[-1] == f"Jupyter now offers Tiny: {kernel}"


def test_shell_runs_one_command_and_ends_with_its_status(run: Run) -> None:
    prefix = run("install", "tiny", *CONDA).stdout.strip()
    shown = run(
        "shell", "tiny", *CONDA, "--", "bash", "-c", "echo $CONDA_PREFIX; command -v tool; exit 7", PYTHONPATH="/x"
    )
    assert (shown.returncode, shown.stdout) == (7, f"{prefix}\n{prefix}/bin/tool\n")


def test_shell_says_that_a_command_is_not_there(run: Run) -> None:
    done = run("shell", "tiny", *CONDA, "--quiet", "--", "no-such-command")
    assert (done.returncode, done.stderr) == (
        4,
        "error: no-such-command: cannot be started: No such file or directory\n",
    )


def test_an_interactive_shell_keeps_the_environment_first(run: Run, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ".bashrc").write_text("export PATH=/profile:$PATH\nexport PYTHONPATH=/leak\nMINE=kept\n")
    (tmp_path / "home" / ".bash_profile").write_text("echo profile was read\n")
    done = run("shell", "tiny", *CONDA, stdin='echo "$MINE $PS1"\ncommand -v python\nenv | grep PYTHONPATH\nexit 3\n')
    prefix = run("install", "tiny", *CONDA).stdout.strip()
    lines = done.stdout.splitlines()
    assert lines[0].startswith("kept (tiny) ")
    assert lines[1:] == [f"{prefix}/bin/python"]
    assert done.returncode == 3


def test_verify_finds_nothing_in_a_fresh_prefix_and_names_what_was_edited(run: Run) -> None:
    prefix = Path(run("install", "tiny", *CONDA).stdout.strip())
    done = run("verify", "tiny", *CONDA)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines()[-1] == f"Tiny: {prefix}: as the lock makes it"
    (prefix / "share" / "tool" / "data.txt").unlink()
    (prefix / "share" / "extra").write_text("")
    done = run("verify", str(prefix))
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "added    -     share/extra          belongs to no package",
        "missing  tool  share/tool/data.txt  is not there",
    ]
    assert done.stderr.splitlines()[-1] == f"Tiny: {prefix}: 2 differences"
    document = json.loads(run("verify", "tiny", *CONDA, "--json").stdout)
    assert document["findings"][1] == {
        "package": "tool",
        "path": "share/tool/data.txt",
        "what": "missing",
        "detail": "is not there",
    }


def test_verify_shows_the_first_fifty(run: Run) -> None:
    prefix = Path(run("install", "tiny", *CONDA).stdout.strip())
    for number in range(60):
        (prefix / "share" / f"{number:02}").write_text("")
    done = run("verify", "tiny", *CONDA)
    assert len(done.stdout.splitlines()) == 51
    assert done.stdout.splitlines()[-1] == "and 10 more (all of them with --json)"


def test_verify_needs_something_installed(run: Run) -> None:
    done = run("verify", "tiny", *CONDA)
    assert (done.returncode, done.stderr) == (3, "error: Tiny: is not installed\n  fix: bindery install tiny\n")


def test_verify_needs_a_prefix_of_ours(run: Run, tmp_path: Path) -> None:
    done = run("verify", f"{tmp_path}/home")
    assert (done.returncode, done.stderr) == (
        3,
        (
            f"error: {tmp_path}/home: is not a prefix that bindery made\n"
            "  fix: name the environment instead: bindery verify ENVIRONMENT\n"
        ),
    )


def test_python_of_the_prefix_is_the_one_of_its_lock(run: Run) -> None:
    done = run("shell", "tiny", *CONDA, "--", "python", "-c", "import sys; print('%d.%d' % sys.version_info[:2])")
    assert done.stdout == f"{PYTHON}\n"


def test_release_is_installed_from_its_own_folder(run: Run, project: Path, tmp_path: Path) -> None:
    folder = project / "environments" / "tiny"
    spec = folder / "environment.yml"
    asked = f"platforms: [{host_platform()}]\nchannels: [conda-forge]\ndependencies: [python, tool, library]\n"
    spec.write_text(asked, encoding="utf-8")
    tiny = find_environment(read_settings(project), "tiny")
    lock = replace(read_lock(tiny.lock_path), content_hash=tuple(content_hashes(read_spec(tiny)).items()))
    write_lock(lock, tiny.lock_path)
    prefix = run("install", "tiny", *CONDA).stdout
    assert run("release", "tiny", *CONDA, "--version", "2026.11.22", "--quiet").stdout == "tiny@2026.11.22\n"
    for path in (tiny.lock_path, spec):
        path.write_text("nothing that the release is made of", encoding="utf-8")

    done = run("install", "tiny@2026.11.22", *CONDA, "--kernel", "--json", "--quiet")
    document = json.loads(done.stdout)
    assert (document["environment"], document["release"]) == ("tiny", "2026.11.22")
    assert (document["label"], document["prefix"]) == ("Tiny 2026.11.22", prefix.removesuffix("\n"))
    assert document["kernel"] == str(tmp_path / "jupyter" / "kernels" / "bindery-tiny-2026.11.22" / "kernel.json")

    assert run("release", "--withdraw", "tiny@2026.11.22", "--reason", "a wrong base", "--quiet").returncode == 0
    day = dt.datetime.now(dt.UTC).date()
    said = f"tiny@2026.11.22 was withdrawn on {day}: a wrong base\n"
    shown = run("shell", "tiny@2026.11.22", *CONDA, "--", "bash", "-c", "echo $CONDA_PREFIX")
    assert (shown.returncode, shown.stdout, shown.stderr) == (0, prefix, said)
    verified = run("verify", "tiny@2026.11.22", *CONDA)
    assert (verified.returncode, verified.stdout) == (0, "")
    assert verified.stderr.startswith(said)
    assert verified.stderr.splitlines()[-1] == f"Tiny 2026.11.22: {prefix.strip()}: as the lock makes it"
