"""``inspect``, ``diff`` and ``verify`` of images, as somebody types them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.images.inspected import AFTER, BEFORE, write
from tests.images.verify.images import Made, config_of
from tests.images.verify.images import store as store_image

from bindery.cli.main import run
from bindery.core import Store
from bindery.images import store_layout

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Return a store with two images."""
    found = Store(tmp_path / "store")
    monkeypatch.setenv("BINDERY_STORE", str(found.root))
    monkeypatch.setenv("TERM", "dumb")
    layout = store_layout(found)
    write(BEFORE, layout, "pangeo:2025.08.14")
    write(AFTER, layout, "pangeo:2025.09.01")
    return found


def test_inspect_shows_what_the_image_says_and_what_is_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", "pangeo:2025.08.14"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "environment\tpangeo@2025.08.14"
    assert lines[1] == "packages\t3, of wheels"
    assert lines[4] == f"digest\t{BEFORE.manifest.digest}"
    assert lines[8].startswith("numpy\t2.2.6\t1.")
    assert lines[-1].endswith("linux-64")
    assert any(line.startswith("2\tnumpy\t") for line in lines)


def test_inspect_shows_how_the_notebooks_of_the_release_fared(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", "pangeo:2025.08.14", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == 1
    assert document["digest"] == str(BEFORE.manifest.digest)
    assert {one["verdict"] for one in document["notebooks"]} == {"passed"}
    assert [one["name"] for one in document["packages"]] == ["numpy", "dask", "zarr"]
    assert [one["title"] for one in document["layers"]] == ["base", "numpy", "packages 01", "repository"]


def test_diff_shows_packages_growth_and_layers(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diff", "pangeo:2025.08.14", "pangeo:2025.09.01"]) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert lines[0] == "numpy\tupgraded\t2.2.6\t2.3.0\t"
    assert "numpy\t1.2 kB\t1.7 kB\t+500 B" in lines
    assert captured.err.startswith("1 added, 1 removed, 1 upgraded; +")
    assert captured.err.endswith(" shared\n")


def test_diff_in_markdown_and_json_and_with_a_status(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["diff", "pangeo:2025.08.14", "pangeo:2025.09.01"]
    assert run([*words, "--markdown"]) == 0
    assert "| package | before | after | growth |" in capsys.readouterr().out
    assert run([*words, "--json", "--exit-code"]) == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out)["layers"][0]["title"] == "numpy"
    assert captured.err == "error: pangeo:2025.08.14, pangeo:2025.09.01: the images differ\n"
    assert run(["diff", "pangeo:2025.08.14", "pangeo:2025.08.14", "--exit-code"]) == 0


@pytest.mark.parametrize(
    ("words", "status", "error"),
    [
        (
            ["diff", "pangeo:2025.08.14", "pangeo"],
            2,
            "pangeo:2025.08.14, pangeo: one is an image and the other is not\n  fix: compare two of a kind",
        ),
        (
            ["diff", "pangeo:2025.08.14", "pangeo:2025.09.01", "--why", "numpy"],
            2,
            "--why is for locks, which say what needs what\n  fix: compare the images' environments",
        ),
        (
            ["inspect", "pangeo:2025.08.14", "--tree"],
            2,
            "pangeo:2025.08.14: trees and platforms are of locks, and this is an image\n  fix: leave the options out",
        ),
    ],
)
def test_wrong_uses(words: list[str], status: int, error: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == status
    assert capsys.readouterr().err == f"error: {error}\n"


def test_what_the_store_does_not_have_may_be_a_revision(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", "no-such-revision:pangeo"]) != 0
    assert "no-such-revision" in capsys.readouterr().err


def test_verify_needs_an_image_that_is_there(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify", "pangeo:1"]) == 3
    assert capsys.readouterr().err == (
        f"error: {store.root}/images: there is no image pangeo:1\n  fix: use pangeo:2025.09.01 or pangeo:2025.08.14\n"
    )


def test_verify_needs_to_know_what_the_image_must_be(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    write(store_image(Made(layers=(), config=config_of())), store_layout(store), "silent:1")
    assert run(["verify", "silent:1"]) == 3
    assert capsys.readouterr().err == (
        "error: silent:1: does not say which environment it holds\n  fix: --of ENVIRONMENT, or --of FOLDER\n"
    )
