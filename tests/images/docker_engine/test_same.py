"""The engine docker installs what the engine oci does: the same repository by both."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.images.conftest import Build, Verify
    from tests.testbed.engine import Engine

pytestmark = pytest.mark.testbed

RAN = "bindery-tests/ran:1"
LOOK = """
import hashlib, importlib.metadata, json, os, pathlib, subprocess, sys
meta = pathlib.Path(sys.prefix, "conda-meta")
print(json.dumps({
    "pip list": sorted(f"{one.name} {one.version}" for one in importlib.metadata.distributions()),
    "conda-meta": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(meta.iterdir())},
    "env": {name: value for name, value in os.environ.items() if name != "HOSTNAME"},
    "id": subprocess.run(["id"], capture_output=True, text=True, check=True).stdout,
    "where": os.getcwd(),
    "ran": sorted(path.name for path in pathlib.Path().glob("[!.]*")),
}))
"""


def look(engine: Engine, image: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(engine.run("run", "--rm", image, "python", "-c", LOOK).stdout)
    return found


@pytest.fixture
def ran(
    docker_engine: Engine,
    real_repository: Path,
    build_real: Build,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> tuple[Path, str]:
    """Return the real repository with a postBuild, and what the command printed that built its image in the engine."""
    repository = tmp_path / "repository"
    shutil.copytree(real_repository, repository)
    (repository / "binder" / "postBuild").write_text(
        "#!/bin/bash\nset -e\npython -c 'import dask; print(dask.__version__)' > ran.txt\n", encoding="utf-8"
    )
    for name in ("DOCKER_HOST", "DOCKER_CONFIG"):
        monkeypatch.setenv(name, docker_engine.environ[name])
    return repository, build_real(repository, RAN, "--engine", "docker")


def test_both_engines_install_the_same(
    docker_engine: Engine, real_image: str, real_repository: Path, ran: tuple[Path, str], verify_real: Verify
) -> None:
    repository, printed = ran
    assert printed == f"{RAN}@{docker_engine.run('image', 'inspect', '--format', '{{.Id}}', RAN).stdout}"
    by_oci, by_docker = look(docker_engine, real_image), look(docker_engine, RAN)
    assert "dask" in str(by_oci["pip list"])
    assert by_oci.pop("ran") == ["answer.ipynb", "binder"]
    assert by_docker.pop("ran") == ["answer.ipynb", "binder", "ran.txt"]
    assert by_oci == by_docker
    assert verify_real("bindery-tests/real:1", real_repository).endswith(": as the lock makes it")
    # What ran is nobody's to foretell; everything that it ran on is as the lock makes it.
    assert verify_real(f"docker-daemon:{RAN}", repository).endswith(
        ": as the lock makes it (but not in everything: commands ran in it afterwards)"
    )
