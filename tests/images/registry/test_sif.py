"""A SIF of an image in a registry: pulled into the store, and made of what is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.sif.layers import file, make_image, tar

from bindery.cli.main import run
from bindery.core import NoProgress, Store
from bindery.images import store_layout
from bindery.images.registry import parse_reference, push_image
from bindery.sif import convert_image

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from tests.testbed.registry import Registry


def test_an_image_is_pulled_and_becomes_a_file(
    tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    image = make_image(tmp_path / "layout", [tar(file("a", b"1"))])
    reference = parse_reference(f"{registry.host}/tests/sif:1")
    push_image(image.layout, image, reference, ["1"], progress=NoProgress())
    expected = convert_image(image, tmp_path / "expected.sif", progress=NoProgress())
    store = Store(tmp_path / "store")
    monkeypatch.setenv("BINDERY_STORE", str(store.root))
    monkeypatch.chdir(tmp_path)
    assert run(["sif", f"docker://{reference}", "--quiet"]) == 0
    assert capsys.readouterr().out == "sif_1.sif\n"
    assert (tmp_path / "sif_1.sif").read_bytes() == expected.path.read_bytes()
    assert list(store_layout(store).names()) == [str(reference)]
