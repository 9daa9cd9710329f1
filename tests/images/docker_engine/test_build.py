"""Steps that run on top of an image, in a real engine."""

from __future__ import annotations

import gc
import tarfile
from typing import TYPE_CHECKING

import pytest
from repo2docker.app import Repo2Docker
from repo2docker.docker import DockerEngine
from tests.testbed.shell import make_shell_image

from bindery.core import NoProgress, ToolFailed
from bindery.images import make_layout, read_image
from bindery.images.docker_engine import DockerOrder, RunSteps, build_upon

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.testbed.engine import Engine

    from bindery.images import Image

pytestmark = [
    pytest.mark.testbed,
    # repo2docker leaves the pipe of buildx to the collector of garbage.
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
]
TOKEN = "c0ffee-under-the-counter"  # noqa: S105 - planted
# It knows the token's length alone, so that nothing but the secret can bring the token into the image.
POST_BUILD = f"""#!/bin/sh
set -e
id -u > who
pwd >> who
while read -r line; do [ ${{#line}} = {len(TOKEN)} ] && echo found >> who; done < /run/secrets/token
[ -w "${{PIP_CACHE_DIR%/*}}" ] && echo cache >> who
[ -s "$SSL_CERT_FILE" ] && echo certificates >> who
"""


@pytest.fixture
def client(docker_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[DockerEngine]:
    """Return repo2docker's own engine, which finds ours by its environment."""
    for name in ("DOCKER_HOST", "DOCKER_CONFIG"):
        monkeypatch.setenv(name, docker_engine.environ[name])
    yield DockerEngine(parent=Repo2Docker())
    gc.collect()


@pytest.fixture
def below(shell_archive: Path, tmp_path: Path) -> Image:
    """Return an image with a shell whose repository has a script postBuild."""
    archive = tmp_path / "below.tar"
    archive.write_bytes(shell_archive.read_bytes())
    (tmp_path / "postBuild").write_text(POST_BUILD, encoding="utf-8")
    with tarfile.open(archive, "a") as tar:
        tar.add(tmp_path / "postBuild", "srv/repo/postBuild", filter=_of_the_user)
    layout = make_layout(tmp_path / "images")
    make_shell_image(archive, layout, "below")
    return read_image(layout, "below")


def _of_the_user(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.mode, member.uid, member.gid = 0o644, 1000, 1000
    return member


def test_post_build_and_appendix_run_with_secrets_that_stay_outside(
    docker_engine: Engine, client: DockerEngine, below: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n", encoding="utf-8")
    (tmp_path / "ca.pem").write_text(f"{TOKEN} of an authority\n", encoding="utf-8")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    monkeypatch.setenv("BUILDER_TOKEN", TOKEN)
    client.extra_buildx_build_args = ["--secret", f"id=token,src={tmp_path / 'token'}"]
    steps = RunSteps(repository="/srv/repo", uid=1000, post_build="postBuild", appendix="ENV GREETING=hello")
    order = DockerOrder(name="ran:1", build_args={"NB_USER": "jovyan"}, extra={"labels": {"of": "the test"}})
    log = "".join(build_upon(client, below, steps, order, progress=NoProgress()))
    assert "chmod +x ./postBuild" in log
    run = docker_engine.run("run", "--rm", "ran:1", "sh", "-c", 'cat who; echo "$GREETING"; id -u').stdout
    assert run == "1000\n/srv/repo\nfound\ncache\ncertificates\nhello\n1000\n"
    docker_engine.run("save", "--output", tmp_path / "saved.tar", "ran:1")
    saved = (tmp_path / "saved.tar").read_bytes()
    assert b"who" in saved
    assert TOKEN.encode() not in saved
    assert client.extra_buildx_build_args == ["--secret", f"id=token,src={tmp_path / 'token'}"]
    form = "{{json .Config.Labels}} {{.Config.User}}"
    assert docker_engine.run("image", "inspect", "--format", form, "ran:1").stdout == '{"of":"the test"} 1000:1000\n'


def test_a_failing_post_build_is_shown(client: DockerEngine, below: Image) -> None:
    steps = RunSteps(repository="/srv/repo", uid=1000, post_build="postBuild")
    with pytest.raises(ToolFailed) as raised:
        list(build_upon(client, below, steps, DockerOrder(name="fails:1"), progress=NoProgress()))
    assert raised.value.where == "docker buildx build"
    assert raised.value.what.startswith("ended with status 1\n  | ")
    assert "/run/secrets/token" in raised.value.what
