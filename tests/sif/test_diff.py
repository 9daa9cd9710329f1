"""``bindery diff`` of Singularity files, and of one and an image."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.images.inspected import AFTER, BEFORE, write

from bindery.cli.main import run
from bindery.core import NoProgress
from bindery.images import make_layout, read_image
from bindery.sif import convert_image

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two images that differ by a package, in a layout, and the files that are made of them."""
    made = tmp_path_factory.mktemp("differ")
    layout = make_layout(made / "layout")
    for name, stored in (("before", BEFORE), ("after", AFTER)):
        write(stored, layout, name)
        convert_image(read_image(layout, name), made / f"{name}.sif", progress=NoProgress())
    return made


@pytest.fixture(autouse=True)
def _there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TERM", "dumb")


def test_packages_and_growth_are_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diff", "before.sif", "after.sif"]) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert lines[0] == "numpy\tupgraded\t2.2.6\t2.3.0\t"
    assert "numpy\t1.2 kB\t1.7 kB\t+500 B" in lines
    assert lines[-1].startswith("squashfs\t")
    size = f"{(folder / 'after.sif').stat().st_size / 1e3:.1f} kB"
    assert captured.err.startswith("1 added, 1 removed, 1 upgraded; +")
    assert captured.err.endswith(f"; {size} to fetch, 0 B shared\n")


def test_the_same_file_does_not_differ(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diff", "before.sif", "./before.sif", "--exit-code"]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("before", "after"), [("oci:layout:before", "after.sif"), ("before.sif", "oci:layout:after")])
def test_a_file_and_an_image_have_packages_in_common_and_no_layers(
    before: str, after: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["diff", before, after, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert {one["name"] for one in document["changes"]} == {"numpy", "zarr", "xarray"}
    growth = {one["name"]: one["bytes"] for one in document["growth"]}
    assert growth["numpy"] == 500
    assert "dask" not in growth
    assert document["layers"] == []
    assert document["shared_bytes"] == 0


def test_the_file_of_an_image_has_its_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diff", "oci:layout:before", "before.sif", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["changes"] == []
    assert [one["name"] for one in document["growth"]] == ["other files"]
