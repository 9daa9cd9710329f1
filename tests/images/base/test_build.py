"""A build on the real base, and the same on a machine that never had it and reaches no mirror of Debian."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bindery.cli import main
from bindery.images import open_layout, read_image

if TYPE_CHECKING:
    from bindery.core import Store
    from bindery.images import Image

pytestmark = pytest.mark.testbed
PINS = Path(__file__).parents[2] / "environments" / "wheels" / "small"
DEAD = 'Acquire::http::Proxy "http://127.0.0.1:9";\nAcquire::https::Proxy "http://127.0.0.1:9";\n'


def build(repository: Path, *words: str | Path) -> int | str | None:
    with pytest.raises(SystemExit) as ended:
        main(["build", str(repository), "--python", "/usr/bin/python3", "--tag", "kept-base", *map(str, words)])
    return ended.value.code


def test_with_the_mirror_gone_the_kept_base_gives_the_same_image(
    test_store: Store,
    debian_base: Image,
    debian_base_lock: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    kept, here, there = tmp_path / "kept.tar", tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        shutil.copytree(PINS, folder / "binder")
        shutil.copy(debian_base_lock, folder / "binder" / "base.lock")
    monkeypatch.chdir(tmp_path)

    monkeypatch.setenv("BINDERY_STORE", str(test_store.root))
    assert build(here, "--keep-base", kept) == 0
    line = capsys.readouterr().out
    assert line.startswith("kept-base:latest@sha256:")

    (tmp_path / "apt.conf").write_text(DEAD, encoding="utf-8")
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "apt.conf"))
    monkeypatch.setenv("BINDERY_STORE", str(tmp_path / "store"))
    assert build(there) == 4
    told = capsys.readouterr().err
    assert "debian:bookworm: mmdebstrap could not make it" in told
    assert "--base oci:FOLDER" in told
    assert build(there, "--base", f"oci:{kept}") == 0
    assert capsys.readouterr().out == line
    assert read_image(open_layout(tmp_path / "store" / "images"), str(debian_base.digest)).digest == debian_base.digest


def test_the_docker_engine_keeps_no_base(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build(tmp_path, "--engine", "docker", "--keep-base", tmp_path / "kept.tar") == 2
    assert capsys.readouterr().err == "error: --keep-base is for the engine oci\n  fix: --engine oci\n"
