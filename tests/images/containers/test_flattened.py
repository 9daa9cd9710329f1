"""The tree of a SIF is the one that a container of the same image has, in every corner."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.sif.corpus import CORPUS, Case
from tests.sif.layers import flat_bytes, make_archive, make_image, shown

if TYPE_CHECKING:
    from pathlib import Path

    from tests.testbed.engine import Engine

pytestmark = pytest.mark.testbed
# What the engine makes for itself in every container.
_OWN = {".dockerenv", "dev", "dev/console", "dev/pts", "dev/shm", "etc", "etc/hostname", "etc/hosts", "etc/mtab"}
_OWN |= {"etc/resolv.conf", "proc", "sys"}


@pytest.mark.parametrize(
    "case",
    [one for one in CORPUS.values() if one.in_engine],
    ids=[name for name, one in CORPUS.items() if one.in_engine],
)
def test_a_flattened_image_is_what_a_container_has(docker_engine: Engine, tmp_path: Path, case: Case) -> None:
    archive = make_archive(tmp_path / "image.tar", case.layers)
    docker_engine.run("load", "--input", archive.path)
    docker_engine.run("create", "--name", "flattened", "tests/image:1")
    try:
        docker_engine.run("export", "--output", tmp_path / "container.tar", "flattened")
    finally:
        docker_engine.run("rm", "flattened")
        docker_engine.run("image", "rm", "tests/image:1")
    container = shown((tmp_path / "container.tar").read_bytes())
    flat = shown(flat_bytes(make_image(tmp_path / "layout", case.layers)))
    assert {path: word for path, word in container.items() if path not in _OWN} == flat
