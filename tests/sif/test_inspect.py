"""What ``bindery inspect`` shows of a SIF."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.sif.verify.made import make_small, put_together, take_apart

from bindery.cli.main import run
from bindery.core import BadInput, NoProgress
from bindery.sif import NewObject, Sif, SifIdentity, inspect_sif, read_config_digest, read_labels, write_sif

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def sif(tmp_path_factory: pytest.TempPathFactory) -> Sif:
    return make_small(tmp_path_factory.mktemp("inspect"))


def test_what_it_holds_is_shown(sif: Sif, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", str(sif.path)]) == 0
    shown = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.split("\n\n")[0].splitlines())
    assert shown["environment"] == "tiny"
    assert shown["lock"] == f"sha256:{'1' * 64}"
    assert shown["image"] == read_config_digest(sif)
    assert shown["uuid"] == str(sif.uuid)
    assert shown["apps"] == "jupyter, notebook, worker"
    assert shown["size"].endswith("kB, by gzip")
    assert shown["signed"] == "no"


def test_it_is_a_document_as_well(sif: Sif, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", str(sif.path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    parts = take_apart(sif)
    assert document["schema"] == 1
    assert document["apps"] == ["jupyter", "notebook", "worker"]
    assert document["file_bytes"] == sif.path.stat().st_size
    assert document["content_bytes"] == sum(len(piece.data) for piece in parts.pieces)
    assert document["files"] == len(parts.pieces)
    assert {one["name"] for one in document["packages"]} == {"python", "numpy", "dask", "tzdata"}


def test_trees_are_of_locks(sif: Sif, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", str(sif.path), "--tree"]) == 2
    assert capsys.readouterr().err == (
        f"error: {sif.path}: trees and platforms are of locks, and this is a SIF\n  fix: leave the options out\n"
    )


def test_labels_are_found_where_there_is_no_configuration(sif: Sif, tmp_path: Path) -> None:
    parts = take_apart(sif)
    assert read_labels(sif)["bindery.environment"] == "tiny"
    objects = tuple(one for one in parts.objects if one.name != "oci-config.json")
    without = put_together(replace(parts, objects=objects), tmp_path)
    assert read_labels(without)["bindery.environment"] == "tiny"


def test_a_file_that_names_no_image_is_known_by_its_id(sif: Sif, tmp_path: Path) -> None:
    parts = take_apart(sif)
    objects = tuple(one for one in parts.objects if one.kind != "deffile")
    without = put_together(replace(parts, objects=objects), tmp_path)
    facts = inspect_sif(without, progress=NoProgress())
    assert (facts.config, [layer.diff_id for layer in facts.image.layers]) == ("", [without.uuid.urn])


def test_a_file_without_metadata_says_nothing(tmp_path: Path) -> None:
    identity = SifIdentity(architecture="amd64", uuid=uuid.UUID(int=7), created_s=0)
    bare = write_sif(tmp_path / "x.sif", [NewObject(kind="partition", content=b"hsqs")], identity)
    assert read_labels(bare) == {}
    assert read_config_digest(bare) == ""
    broken = write_sif(tmp_path / "y.sif", [NewObject(kind="json", name="oci-config.json", content=b"{")], identity)
    with pytest.raises(BadInput) as caught:
        read_labels(broken)
    assert caught.value.what.startswith("oci-config.json is not JSON: ")
    assert caught.value.where == str(tmp_path / "y.sif")
