"""A SIF goes into a registry as Apptainer keeps it there, and comes back, byte for byte."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import pytest
from tests.images.conftest import certificates, fault_proxy, registry
from tests.sif.verify.made import make_small, small_image

from bindery.cli.main import run
from bindery.core import NoProgress
from bindery.images.registry import open_registry, parse_reference, push_image

if TYPE_CHECKING:
    from pathlib import Path

    from tests.testbed.apptainer import Apptainer
    from tests.testbed.registry import Registry

    from bindery.images import Manifest
    from bindery.sif import Sif

__all__ = ["certificates", "fault_proxy", "registry"]  # fixtures that tests of images have as well
pytestmark = pytest.mark.testbed


@pytest.fixture(scope="module")
def sif(tmp_path_factory: pytest.TempPathFactory) -> Sif:
    return make_small(tmp_path_factory.mktemp("oras"))


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BINDERY_STORE", str(tmp_path / "store"))
    monkeypatch.delenv("DOCKER_CONFIG", raising=False)


def manifest_of(text: str) -> Manifest:
    reference = parse_reference(text)
    with open_registry(reference.api_host, {}) as client:
        found = client.get_manifest(reference)
    assert hasattr(found, "layers")
    return found


def test_it_is_the_artifact_that_apptainer_makes(
    registry: Registry, sif: Sif, capsys: pytest.CaptureFixture[str]
) -> None:
    place = f"{registry.host}/sif/small"
    assert run(["push", str(sif.path), f"docker://{place}:1", "--quiet"]) == 0
    manifest = manifest_of(f"{place}:1")
    assert capsys.readouterr().out == f"{place}:1@{manifest.digest}\n"
    assert manifest.config.media_type == "application/vnd.sylabs.sif.config.v1+json"
    (layer,) = manifest.layers
    assert layer.media_type == "application/vnd.sylabs.sif.layer.v1.sif"
    assert layer.annotations == {"org.opencontainers.image.title": "gzip.sif"}
    assert manifest.annotations["bindery.environment"] == "tiny"


def test_apptainer_pulls_what_was_pushed(apptainer: Apptainer, registry: Registry, sif: Sif, tmp_path: Path) -> None:
    place = f"{registry.host}/sif/pulled"
    assert run(["push", str(sif.path), f"{place}:1", "--quiet"]) == 0
    apptainer.run("pull", "--no-https", tmp_path / "pulled.sif", f"oras://{place}:1")
    assert (tmp_path / "pulled.sif").read_bytes() == sif.path.read_bytes()


def test_what_apptainer_pushed_is_pulled(
    apptainer: Apptainer, registry: Registry, sif: Sif, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = f"{registry.host}/sif/theirs"
    apptainer.run("push", "--no-https", "-U", sif.path, f"oras://{place}:1")
    target = tmp_path / "new" / "theirs.sif"
    assert run(["pull", f"oras://{place}:1", "--output", str(target), "--quiet"]) == 0
    assert capsys.readouterr().out == f"{target}\n"
    assert target.read_bytes() == sif.path.read_bytes()
    assert [one.name for one in target.parent.iterdir()] == ["theirs.sif"]


def test_what_is_there_is_not_sent_again(registry: Registry, sif: Sif, capsys: pytest.CaptureFixture[str]) -> None:
    place = f"{registry.host}/sif/again"
    size = sif.path.stat().st_size
    words = ["push", str(sif.path), place, "--tag", "1", "--json", "--quiet"]
    assert run([*words, "--dry-run"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert (first["pushed"], first["repositories"][0]["missing_bytes"]) == (False, size)
    assert run(words) == 0
    assert json.loads(capsys.readouterr().out)["repositories"][0]["missing_bytes"] == size
    assert run([*words, "--tag", "2"]) == 0
    again = json.loads(capsys.readouterr().out)["repositories"][0]
    assert (again["missing_bytes"], again["tags"]) == (0, ["1", "2"])
    assert manifest_of(f"{place}:2").digest == manifest_of(f"{place}:1").digest


def test_without_a_tag_it_is_the_latest(registry: Registry, sif: Sif, capsys: pytest.CaptureFixture[str]) -> None:
    place = f"{registry.host}/sif/latest"
    assert run(["push", str(sif.path), place]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith(f"{place}:latest@sha256:")
    assert captured.err.splitlines()[-1].startswith(f"{place}: latest: sent ")


def test_a_file_and_an_image_are_not_taken_for_each_other(
    registry: Registry, sif: Sif, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = f"{registry.host}/sif/kinds"
    assert run(["push", str(sif.path), f"{place}:1", "--quiet"]) == 0
    capsys.readouterr()
    assert run(["pull", f"{place}:1"]) == 3
    assert capsys.readouterr().err == (
        f"error: {place}:1: is a Singularity file, not an image\n  fix: bindery pull {place}:1 --output FILE.sif\n"
    )
    assert run(["pull", f"{place}:1", "--output", "x.sif", "--name", "x"]) == 2
    assert capsys.readouterr().err == (
        "error: --platform, --name: is for what is pulled into the store\n  fix: leave it out, or --output\n"
    )
    assert run(["push", str(sif.path), f"{place}:1", "--mount-from", "a"]) == 2
    assert capsys.readouterr().err == (
        f"error: {sif.path}: only images have that\n  fix: leave --binderhub, --sbom and --mount-from out\n"
    )
    (tmp_path / "not.sif").write_bytes(b"not")
    assert run(["push", str(tmp_path / "not.sif"), f"{place}:1"]) == 3
    assert capsys.readouterr().err == f"error: {tmp_path / 'not.sif'}: is not a Singularity image file\n"


def test_a_dry_run_fetches_nothing(
    registry: Registry, sif: Sif, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = f"{registry.host}/sif/dry"
    assert run(["push", str(sif.path), f"{place}:1", "--quiet"]) == 0
    capsys.readouterr()
    words = ["pull", f"{place}:1", "--output", str(tmp_path / "x.sif"), "--dry-run", "--json", "--quiet"]
    assert run(words) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["pulled"], said["size_bytes"]) == (False, sif.path.stat().st_size)
    assert not (tmp_path / "x.sif").exists()


def test_other_bytes_than_promised_leave_nothing(
    registry: Registry, sif: Sif, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = f"{registry.host}/sif/spoiled"
    spoiled = tmp_path / "other.sif"
    spoiled.write_bytes(sif.path.read_bytes() + random.Random(1).randbytes(9))  # noqa: S311 - not a secret
    assert run(["push", str(spoiled), f"{place}:1", "--quiet"]) == 0
    blob = registry.blob_path(str(manifest_of(f"{place}:1").layers[0].digest))
    data = bytearray(blob.read_bytes())
    data[-1] ^= 1
    blob.write_bytes(data)
    capsys.readouterr()
    (tmp_path / "there.sif").write_bytes(b"old")
    assert run(["pull", f"{place}:1", "--output", str(tmp_path / "there.sif"), "--quiet"]) == 3
    assert "sha256" in capsys.readouterr().err
    assert (tmp_path / "there.sif").read_bytes() == b"old"
    assert not list(tmp_path.glob(".*.part"))


def test_an_image_is_no_file(registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = f"{registry.host}/sif/image:1"
    image = small_image(tmp_path / "layout")
    push_image(image.layout, image, parse_reference(place), ["1"], progress=NoProgress())
    assert run(["pull", place, "--output", str(tmp_path / "x.sif")]) == 3
    assert capsys.readouterr().err == (
        f"error: {place}: is an image, not a Singularity file\n  fix: leave --output out, then bindery sif\n"
    )
    (tmp_path / "text").write_text("no SIF", encoding="utf-8")
    assert run(["verify", str(tmp_path / "text")]) == 3
    assert capsys.readouterr().err == f"error: {tmp_path / 'text'}: is not a Singularity image file\n"
