"""The image that BinderHub runs to build images: called as BinderHub calls it, in a container without privileges."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.command import run_bindery
from tests.conftest import ROOT, find_python

from bindery.images.docker_engine import staged_builder

if TYPE_CHECKING:
    from tests.testbed.engine import Engine
    from tests.testbed.registry import Registry

    from bindery.core import Store
    from bindery.images import Image

BUILDER = "bindery-tests/builder:1"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
# As BinderHub's KubernetesBuildExecutor puts it together, with a registry that is pushed to and extra arguments.
CALL = ("--no-clean", "--no-run", "--json-logs", "--user-name=jovyan", "--user-id=1000", "--push")
EXTRA = ("--OciEngine.compression=gzip",)


def test_everything_that_bindery_needs_is_in_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {re.split(r"[<>=!~ ]", one)[0].replace("_", "-") for one in project["dependencies"]}
    with staged_builder() as folder:
        pins = (folder / "binder" / "wheels-3.11.txt").read_text(encoding="utf-8")
        spec = (folder / "binder" / "environment.yml").read_text(encoding="utf-8")
    pinned = dict(re.findall(r"^([\w.-]+)==(\S+)", pins, re.MULTILINE))
    assert needed - {name.replace("_", "-") for name in pinned} == set()
    assert needed - set(re.findall(r"^  - ([\w-]+)", spec.replace("_", "-"), re.MULTILINE)) == set()
    exact = dict(one.split("==") for one in project["dependencies"] if "==" in one)
    assert {name: pinned[name] for name in exact} == exact


def test_its_engine_is_known_by_the_name_that_ours_has() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (group,) = project["entry-points"].items()
    with staged_builder() as folder:
        (written,) = folder.glob("*.dist-info/entry_points.txt")
        assert written.read_text(encoding="utf-8") == f"[{group[0]}]\n" + "".join(
            f"{name} = {place}\n" for name, place in group[1].items()
        )
        assert (folder / "bindery" / "images" / "engine.py").is_file()
        assert not list(folder.rglob("*.pyc"))


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository of one commit, which the user of containers may read."""
    folder = tmp_path / "small"
    shutil.copytree(ROOT / "tests" / "environments" / "wheels" / "small", folder / "binder")
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "one"]):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@example.org", *words], cwd=folder, check=True)
    # git reads nobody else's repositories.
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, 1000, 1000)
    return folder


@pytest.fixture
def builder(docker_engine: Engine, test_store: Store) -> str:
    """Return the name in the engine of the image that builds images."""
    python = str(find_python("3.11"))
    packing = ["--compression", "gzip"]
    run_bindery(test_store, "build", "--builder-image", "--tag", BUILDER, "--python", python, *packing, "--quiet")
    run_bindery(test_store, "load", BUILDER, "--quiet", environ=docker_engine.environ)
    return BUILDER


@pytest.fixture
def base(registry: Registry, test_store: Store, debian_base: Image) -> str:
    """Return where in the registry the base is."""
    run_bindery(test_store, "push", f"base:{debian_base.digest.hex[:12]}", f"{registry.host}/builder/base:1", "--quiet")
    return f"docker://{registry.host}/builder/base@{debian_base.digest}"


@pytest.mark.testbed
def test_it_builds_and_pushes_without_privileges(
    docker_engine: Engine, registry: Registry, builder: str, base: str, repository: Path
) -> None:
    head = ["git", "-c", "safe.directory=*", "rev-parse", "HEAD"]
    revision = subprocess.run(head, cwd=repository, capture_output=True, text=True, check=True).stdout.strip()
    image = f"{registry.host}/builder/small:{revision}"
    words = ["run", "--rm", "--network", "host", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
    mounts = ["--volume", f"{repository}:/repositories/small:ro"]
    if CERTIFICATES.exists():
        mounts += ["--volume", f"{CERTIFICATES}:/run/ca.pem:ro", "--env", "SSL_CERT_FILE=/run/ca.pem"]
    call = ["jupyter-repo2docker", f"--ref={revision}", f"--image={image}", *CALL, *EXTRA, "file:///repositories/small"]
    log = docker_engine.run(*words, *mounts, "--env", f"BINDERY_BASE={base}", builder, *call).stdout
    phases = [json.loads(line).get("phase") for line in log.splitlines()]
    assert set(phases) - {None} == {"fetching", "building"}
    docker_engine.run("pull", "--quiet", image)
    script = "import greenlet, markupsafe, sys; print(sys.prefix)"
    assert docker_engine.run("run", "--rm", image, "python", "-c", script).stdout == "/srv/conda/envs/notebook\n"
