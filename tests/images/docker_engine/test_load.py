"""A real engine takes images out of a layout."""

from __future__ import annotations

import tarfile
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.images.small import build_small
from tests.testbed.shell import make_shell_image

from bindery.core import BadInput, NoProgress, ToolFailed
from bindery.images import make_layout, read_image
from bindery.images.docker_engine import load, load_image

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.testbed.engine import Engine

    from bindery.core import Task, Unit
    from bindery.images import Image


class Counting(NoProgress):
    """Keeps what was to be counted, and what was."""

    def __init__(self) -> None:
        self.total = 0
        self.done = 0

    @contextmanager
    def task(self, label: str, total: int | None, unit: Unit) -> Iterator[Task]:
        del label
        assert unit == "bytes"
        self.total += total or 0
        yield self

    def advance(self, amount: int = 1) -> None:
        self.done += amount


@pytest.fixture
def own_archive(shell_archive: Path, tmp_path: Path) -> Path:
    """Return a file system that the engine cannot have from another test."""
    archive = tmp_path / "own.tar"
    archive.write_bytes(shell_archive.read_bytes())
    with tarfile.open(archive, "a") as tar:
        tar.addfile(tarfile.TarInfo(f"srv/{tmp_path.name}"))
    return archive


@pytest.fixture
def shell(own_archive: Path, tmp_path: Path) -> Image:
    """Return an image with a shell."""
    layout = make_layout(tmp_path / "images")
    make_shell_image(own_archive, layout, "shell")
    return read_image(layout, "shell")


@pytest.mark.testbed
def test_an_image_is_loaded_once_and_runs(docker_engine: Engine, shell: Image) -> None:
    first, second = Counting(), Counting()
    load_image(shell, "loaded:one", environ=docker_engine.environ, progress=first)
    load_image(shell, "loaded:two", environ=docker_engine.environ, progress=second)
    assert docker_engine.run("run", "--rm", "loaded:two", "id", "-u").stdout == "1000\n"
    form = ["image", "inspect", "--format", "{{.Id}}"]
    for name in ("loaded:one", "loaded:two"):
        assert docker_engine.run(*form, name).stdout == f"{shell.config.digest}\n"
    blobs = [shell.descriptor, shell.manifest.config, *shell.manifest.layers]
    assert first.total >= sum(one.size_bytes for one in blobs)
    assert first.done >= first.total
    assert second.total == 0


@pytest.mark.testbed
def test_layers_that_the_engine_has_are_not_sent_again(docker_engine: Engine, shell: Image, own_archive: Path) -> None:
    load_image(shell, "loaded:below", environ=docker_engine.environ, progress=NoProgress())
    make_shell_image(own_archive, shell.layout, "above", extra={"srv/more": b"more\n"})
    counting = Counting()
    above = read_image(shell.layout, "above")
    load_image(above, "loaded:above", environ=docker_engine.environ, progress=counting)
    assert docker_engine.run("run", "--rm", "loaded:above", "cat", "/srv/more").stdout == "more\n"
    lowest, highest = above.manifest.layers
    assert highest.size_bytes < counting.total < lowest.size_bytes
    assert docker_engine.run("rmi", "loaded:below").returncode == 0
    assert docker_engine.run("run", "--rm", "loaded:above", "cat", "/srv/more").stdout == "more\n"


@pytest.mark.testbed
def test_a_damaged_layer_reaches_no_engine(docker_engine: Engine, shell: Image) -> None:
    digest = shell.manifest.layers[0].digest
    blob = shell.layout.blob_path(digest)
    blob.chmod(0o644)
    blob.write_bytes(blob.read_bytes()[:-9] + bytes(9))
    # Another configuration and other diff IDs, so that the engine knows nothing of it.
    config = replace(shell.config, raw=b"of another image", diff_ids=(digest,))
    damaged = replace(shell, config=config)
    with pytest.raises(BadInput) as raised:
        load_image(damaged, "loaded:damaged", environ=docker_engine.environ, progress=NoProgress())
    assert raised.value.what == f"the blob does not have its digest {digest}"
    assert docker_engine.run("image", "inspect", "loaded:damaged", check=False).returncode == 1


def test_without_an_engine_its_client_says_why(shell: Image, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "docker"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho no engine answers >&2\nexit 1\n", encoding="utf-8")
    program.chmod(0o755)
    with pytest.raises(ToolFailed) as raised:
        load_image(shell, "shell:1", environ={"PATH": str(program.parent)}, progress=NoProgress())
    assert str(raised.value) == "docker load --quiet: no engine answers\n  fix: start an engine, or set DOCKER_HOST"


@pytest.mark.testbed
def test_an_engine_that_is_too_old_for_zstd(
    docker_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = docker_engine.run("version", "--format", "{{.Server.Version}}").stdout.strip()
    needed = int(version.partition(".")[0]) + 1
    monkeypatch.setattr(load, "ZSTD_SINCE", needed)
    with pytest.raises(ToolFailed) as raised:
        load_image(build_small(tmp_path), "small:1", environ=docker_engine.environ, progress=NoProgress())
    assert str(raised.value) == (
        f"small:1: Docker {version} does not read layers that zstd compressed, Docker {needed} does\n"
        "  fix: bindery build with --compression gzip, and load that"
    )
