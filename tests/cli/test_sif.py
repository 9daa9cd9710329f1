"""``bindery sif``, as somebody types it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.sif.layers import file, make_archive, make_image, tar

from bindery.cli.main import run
from bindery.core import Store
from bindery.images import store_layout
from bindery.sif import read_sif

if TYPE_CHECKING:
    from bindery.images import Image

LAYERS = (tar(file("a", b"1" * 5000)), tar(file("b", b"2")))
FORMS = "NAME[:TAG], oci:FOLDER[:TAG], docker-archive:FILE[:NAME] or docker://HOST/NAME[:TAG]"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder that we are in, with a store elsewhere."""
    monkeypatch.setenv("BINDERY_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("TERM", "dumb")
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def stored(tmp_path: Path) -> Image:
    """Return an image of the store, tests/ocean:1 and tests/ocean."""
    layout = store_layout(Store(tmp_path / "store"))
    image = make_image(layout.root, LAYERS)
    layout.untag("image")
    for name in ("tests/ocean:1", "tests/ocean:latest"):
        layout.tag(name, image.descriptor)
    return image


@pytest.mark.parametrize(("name", "expected"), [("tests/ocean:1", "ocean_1.sif"), ("tests/ocean", "ocean_latest.sif")])
def test_an_image_of_the_store_is_called_after_its_name(
    here: Path, stored: Image, capsys: pytest.CaptureFixture[str], name: str, expected: str
) -> None:
    assert run(["sif", name]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{expected}\n"
    assert [line.partition(":")[0] for line in captured.err.splitlines()] == ["Checking layers", "Packing"]
    assert read_sif(here / expected).architecture == "amd64"
    assert [one.name for one in here.iterdir()] == [expected]
    digest = str(stored.digest)
    assert run(["sif", digest, "--quiet"]) == 0
    assert capsys.readouterr().out == f"{digest.replace(':', '_')}.sif\n"


def test_the_sources_give_the_same_file(
    tmp_path: Path, here: Path, stored: Image, capsys: pytest.CaptureFixture[str]
) -> None:
    make_archive(tmp_path / "image.tar", LAYERS)
    make_image(tmp_path / "layout", LAYERS)
    for source, expected in (
        (str(stored.digest), f"sha256_{stored.digest.hex}.sif"),
        (f"oci:{tmp_path}/layout", "layout.sif"),
        (f"oci:{tmp_path}/layout:image", "layout_image.sif"),
        (f"docker-archive:{tmp_path}/image.tar", "image.sif"),
        (f"docker-archive:{tmp_path}/image.tar:tests/image:1", "image.sif"),
    ):
        assert run(["sif", source, "--quiet", "--force"]) == 0
        assert capsys.readouterr() == (f"{expected}\n", "")
    assert len({path.read_bytes() for path in here.iterdir()}) == 1


def test_the_file_is_named_and_told_about(here: Path, stored: Image, capsys: pytest.CaptureFixture[str]) -> None:
    assert stored.config.created
    assert run(["sif", "tests/ocean:1", "-o", "x.sif", "--compression", "zstd", "--json", "--quiet"]) == 0
    document = json.loads(capsys.readouterr().out)
    sif = read_sif(here / "x.sif")
    assert document == {
        "schema": 1,
        "file": "x.sif",
        "uuid": str(sif.uuid),
        "architecture": "amd64",
        "created_s": 1_755_172_800,
        "compression": "zstd",
        "size_bytes": (here / "x.sif").stat().st_size,
        "objects": [{"kind": one.kind, "name": one.name, "size_bytes": one.size_bytes} for one in sif.objects],
    }


def test_a_file_is_replaced_only_by_force(here: Path, stored: Image, capsys: pytest.CaptureFixture[str]) -> None:
    assert stored.layers
    (here / "x.sif").write_bytes(b"old")
    assert run(["sif", "tests/ocean:1", "-o", "x.sif"]) == 2
    fix = "--force, or another file with -o"
    assert capsys.readouterr().err == f"error: x.sif: is there already\n  fix: {fix}\n"
    assert (here / "x.sif").read_bytes() == b"old"
    assert run(["sif", "tests/ocean:1", "-o", "x.sif", "--force"]) == 0
    assert (here / "x.sif").stat().st_size > 3


@pytest.mark.parametrize(
    ("target", "status", "expected"),
    [
        (
            "docker-archive:",
            2,
            "docker-archive:: ends too early\n  fix: write docker-archive:FILE, or docker-archive:FILE:NAME",
        ),
        ("docker-archive:no.tar", 3, "no.tar: cannot be read: No such file or directory"),
        (
            "docker-daemon:ocean:1",
            2,
            (
                "docker-daemon:ocean:1: a SIF is made of files, not of what an engine has\n"
                "  fix: docker save ocean:1 --output image.tar, and docker-archive:image.tar"
            ),
        ),
        ("container:ocean", 2, f"container:ocean: is a container, not an image\n  fix: use one of {FORMS}"),
        (
            "pangeo@2025.08.14",
            2,
            (
                "pangeo@2025.08.14: is a release, not an image\n"
                "  fix: bindery build pangeo@2025.08.14, and the image that it prints"
            ),
        ),
        ("./image.tar", 2, f"image.tar: is not the name of an image\n  fix: use one of {FORMS}"),
    ],
    ids=["empty", "missing", "daemon", "container", "release", "path"],
)
def test_what_is_no_image_is_refused(
    capsys: pytest.CaptureFixture[str], target: str, status: int, expected: str
) -> None:
    assert run(["sif", target]) == status
    assert capsys.readouterr().err == f"error: {expected}\n"


def test_a_layout_of_several_images_needs_a_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = make_image(tmp_path / "layout", LAYERS)
    first.layout.tag("first", first.descriptor)
    make_image(tmp_path / "layout", LAYERS[:1])
    assert run(["sif", f"oci:{tmp_path}/layout"]) == 3
    said = f"{tmp_path}/layout: has 2 images: first, image\n  fix: oci:{tmp_path}/layout:NAME"
    assert capsys.readouterr().err == f"error: {said}\n"


def test_without_a_packer_it_says_what_to_install(
    stored: Image, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stored.layers
    monkeypatch.setenv("PATH", "/nowhere")
    assert run(["sif", "tests/ocean:1"]) == 4
    assert capsys.readouterr().err == (
        "error: none of tar2sqfs, mksquashfs is on PATH\n"
        "  fix: install squashfs-tools-ng, or squashfs-tools 4.5 or newer\n"
    )
    assert list(Path().iterdir()) == []
