"""One repository for two processors: a small channel of both, two images, one name in a registry."""

from __future__ import annotations

import dataclasses
import json
import platform
import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.images.build.bases import make_tiny_base
from tests.images.build.test_build import build
from tests.prefixes.conftest import PYTHON, Packed, Recipe, locked, python_recipe, tool_recipe, write_package

from bindery.cli import main
from bindery.core import Store, host_platform
from bindery.environments import Lock, LockedChannel, encode_lock
from bindery.images import parse_index, read_image, store_layout

if TYPE_CHECKING:
    from pathlib import Path

    from tests.testbed.registry import Registry

PLATFORMS = ("linux-64", "linux-aarch64")
FOREIGN = PLATFORMS[platform.machine() == "x86_64"]


def foreign_python(version: str) -> Recipe:
    """Return a Python that this machine cannot run."""
    return Recipe(
        name="python",
        version=version,
        files={
            f"bin/python{PYTHON}": Packed(data=b"\x7fELF of another processor", mode=0o755),
            f"lib/python{PYTHON}/plain.py": Packed(data=b"VALUE = 1\n"),
        },
    )


def write_repository(folder: Path, channel: Path, version: str) -> None:
    """Write a repository whose lock has a Python and a package that any Python runs, for both platforms."""
    packages = []
    # Packages are written for this machine, and then moved.
    for subdir, python in ((FOREIGN, foreign_python(version)), (host_platform(), python_recipe())):
        for recipe in (python, tool_recipe()):
            archive = write_package(recipe, channel)
            place = channel / ("noarch" if recipe.noarch else subdir) / archive.name
            place.parent.mkdir(parents=True, exist_ok=True)
            archive.replace(place)
            packages.append(dataclasses.replace(locked(recipe, place), platform=subdir, url=place.as_uri()))
    lock = Lock(
        packages=tuple(packages),
        content_hash=tuple((subdir, "0" * 64) for subdir in PLATFORMS),
        channels=(LockedChannel(url=channel.as_uri()),),
        platforms=PLATFORMS,
        sources=("environment.yml",),
    )
    folder.mkdir()
    (folder / "conda-lock.yml").write_text(encode_lock(lock), encoding="utf-8")
    (folder / "environment.yml").write_text("channels: []\ndependencies: [tool]\n", encoding="utf-8")


def build_both(folder: Path, tmp_path: Path) -> None:
    for subdir in PLATFORMS:
        base = make_tiny_base(tmp_path / f"base-{subdir}", subdir)
        assert build(folder, "--base", base, "--platform", subdir, "--tag", f"ocean:{subdir}") == 0
    # Now base.lock, which the images have as well, says both.
    for subdir in PLATFORMS:
        assert build(folder, "--platform", subdir, "--tag", f"ocean:{subdir}") == 0


def test_images_of_two_platforms_are_built_pushed_and_pulled(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BINDERY_STORE", str(tmp_path / "store"))
    folder = tmp_path / "ocean"
    write_repository(folder, tmp_path / "channel", f"{PYTHON}.99")
    build_both(folder, tmp_path)
    assert f"Python {platform.python_version()} compiled the bytecode, in the place of " in capsys.readouterr().err

    place = f"{registry.host}/build/platforms"
    with pytest.raises(SystemExit) as ended:
        main(["push", "ocean:linux-64", "ocean:linux-aarch64", f"{place}:both", "--quiet"])
    assert ended.value.code == 0
    words = ["skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{place}:both"]
    index = parse_index(subprocess.run(words, capture_output=True, check=True).stdout, place)
    assert [one.platform for one in index.manifests] == [("linux", "amd64"), ("linux", "arm64")]

    layout = store_layout(Store(tmp_path / "store"))
    images = [read_image(layout, f"ocean:{subdir}") for subdir in PLATFORMS]
    assert [one.digest for one in index.manifests] == [image.digest for image in images]
    assert [image.config.architecture for image in images] == ["amd64", "arm64"]
    native, foreign = ({str(layer.digest) for layer in image.manifest.layers} for image in images)
    assert native & foreign  # what any Python runs is the same layer
    capsys.readouterr()
    for subdir in PLATFORMS:
        with pytest.raises(SystemExit) as ended:
            main(["verify", f"docker://{place}:both", "--of", str(folder), "--platform", subdir, "--json"])
        assert (ended.value.code, json.loads(capsys.readouterr().out)["findings"]) == (0, [])


def test_an_image_has_no_bytecode_where_nothing_compiles_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BINDERY_STORE", str(tmp_path / "store"))
    folder = tmp_path / "ocean"
    write_repository(folder, tmp_path / "channel", f"{PYTHON}.0rc1")
    base = make_tiny_base(tmp_path / "base", FOREIGN)
    assert build(folder, "--base", base, "--platform", FOREIGN, "--tag", "ocean:foreign") == 0
    said = f"has no bytecode, since nothing here compiles for Python {PYTHON}.0rc1 of {FOREIGN}; imports are slow\n"
    assert said in capsys.readouterr().err
