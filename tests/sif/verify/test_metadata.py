"""Header, table and metadata of a SIF: every field that is not what the converter writes is found, by its name."""

from __future__ import annotations

import copy
import json
import random
import shutil
import struct
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.sif.verify.made import Parts, expected_sif, make_small, put_together, take_apart

from bindery.core import BadInput, NoProgress
from bindery.images.manifest import ConfigFields, encode_config, parse_config
from bindery.sif import Sif, read_sif
from bindery.sif.verify import ExpectedSif, is_signed, verify_sif

if TYPE_CHECKING:
    from pathlib import Path

    from bindery.core import Json
    from bindery.images.verify import ImageFinding

TABLE, ROW = 4096, 585
HEADER = {
    "launch": 3,
    "version": 42,
    "architecture": 46,
    "uuid": 50,
    "created": 65,
    "modified": 73,
    "free": 80,
    "data": 113,
    "data-size": 121,
    "reserved": 300,
}
DESCRIPTOR = {
    "number": 6,
    "group": 9,
    "linked": 14,
    "size": 25,
    "stored-size": 34,
    "created": 42,
    "modified": 50,
    "user": 58,
    "user-group": 66,
    "name": 80,
    "extra": 300,
}


@pytest.fixture(scope="module")
def expected() -> ExpectedSif:
    return expected_sif()


@pytest.fixture(scope="module")
def sif(tmp_path_factory: pytest.TempPathFactory) -> Sif:
    return make_small(tmp_path_factory.mktemp("clean"))


@pytest.fixture(scope="module")
def parts(sif: Sif) -> Parts:
    return take_apart(sif)


def verified(path: Path, expected: ExpectedSif) -> tuple[ImageFinding, ...]:
    return verify_sif(read_sif(path), expected, progress=NoProgress())


def spoiled(sif: Sif, folder: Path, at: int, by: int = 1) -> Path:
    path = folder / "spoiled.sif"
    shutil.copy(sif.path, path)
    with path.open("r+b") as file:
        file.seek(at)
        (there,) = file.read(1)
        file.seek(at)
        file.write(bytes([there ^ by]))
    return path


@pytest.mark.parametrize("field", HEADER)
def test_each_field_of_the_header(field: str, sif: Sif, expected: ExpectedSif, tmp_path: Path) -> None:
    path = spoiled(sif, tmp_path, HEADER[field])
    if field == "version":
        with pytest.raises(BadInput, match="of version"):
            verified(path, expected)
    else:
        assert [one.path for one in verified(path, expected)] == [f"sif.header.{field}"]


@pytest.mark.parametrize("row", range(3))
@pytest.mark.parametrize("field", DESCRIPTOR)
def test_each_field_of_each_descriptor(field: str, row: int, sif: Sif, expected: ExpectedSif, tmp_path: Path) -> None:
    path = spoiled(sif, tmp_path, TABLE + row * ROW + DESCRIPTOR[field])
    assert f"sif.object[{row + 1}].{field}" in [one.path for one in verified(path, expected)]


def leaves(document: Json, path: str = "") -> list[tuple[str, list[str]]]:
    if isinstance(document, dict):
        return [leaf for key, one in document.items() for leaf in leaves_below(key, one, path)]
    return []


def leaves_below(key: str, one: Json, path: str) -> list[tuple[str, list[str]]]:
    inner = [(f"{path}.{key}{below}", [key, *keys]) for below, keys in leaves(one)]
    return inner or [(f"{path}.{key}", [key])]


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("seed", range(8))
def test_each_key_of_the_documents(number: int, seed: int, parts: Parts, expected: ExpectedSif, tmp_path: Path) -> None:
    old = parts.objects[number]
    assert isinstance(old.content, bytes)
    document = json.loads(old.content)
    path, keys = random.Random(seed).choice(leaves(document))  # noqa: S311 - not a secret
    changed = copy.deepcopy(document)
    inner = changed
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = "other"
    content = json.dumps(changed, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    objects = tuple(replace(one, content=content) if one is old else one for one in parts.objects)
    found = [one.path for one in verified(put_together(replace(parts, objects=objects), tmp_path).path, expected)]
    assert f"sif.{old.name}{path}" in found


def test_another_definition_and_another_way_to_write_are_found(
    parts: Parts, expected: ExpectedSif, tmp_path: Path
) -> None:
    deffile = replace(parts.objects[0], content=b"bootstrap: docker\nfrom: pangeo\n")
    other = json.dumps(json.loads(bytes(parts.objects[2].content)), indent=3).encode()
    objects = (deffile, parts.objects[1], replace(parts.objects[2], content=other))
    findings = verified(put_together(replace(parts, objects=objects), tmp_path).path, expected)
    details = {one.path: one.detail for one in findings if one.path.count(".") < 2 or one.path.endswith(".json")}
    assert details["sif.oci-config.json"] == "is written in another way"
    assert details["sif.deffile"].startswith("is 'bootstrap: docker")


def test_objects_that_are_missing_are_found(parts: Parts, expected: ExpectedSif, tmp_path: Path) -> None:
    findings = verified(put_together(replace(parts, objects=parts.objects[:1]), tmp_path).path, expected)
    assert ("missing", "sif.inspect-metadata.json") in [(one.what, one.path) for one in findings]


def test_objects_that_belong_to_nothing_are_found(sif: Sif, expected: ExpectedSif, tmp_path: Path) -> None:
    """An overlay would be laid over all that was proven."""
    path = tmp_path / "overlay.sif"
    shutil.copy(sif.path, path)
    end = path.stat().st_size
    row = struct.pack(
        "<i?III5q2q128s384s", 0x4004, 1, 5, 0xF0000001, 0, end, 4096, 4096, 0, 0, 0, 0, b"", b"\2\0\0\0\4"
    )
    with path.open("r+b") as file:
        file.seek(TABLE + 4 * ROW)
        file.write(row)
        file.seek(end)
        file.write(b"overlay".ljust(4096))
    found = {one.path: one.detail for one in verified(path, expected)}
    assert found["sif.object[5]"] == "an object that belongs to nothing"
    assert found["sif"] == f"has {end + 4096} bytes, not {end}"


def test_bytes_between_and_behind_are_found(sif: Sif, expected: ExpectedSif, tmp_path: Path) -> None:
    gap = sif.rootfs.offset_bytes - 1
    assert [one.detail for one in verified(spoiled(sif, tmp_path, gap), expected)] == [
        f"bytes before byte {gap + 1} that belong to nothing"
    ]
    last = sif.path.stat().st_size - 1
    assert [(one.path, one.detail) for one in verified(spoiled(sif, tmp_path, last), expected)] == [
        ("sif.rootfs", "there are bytes behind the end of its file system")
    ]


def test_where_commands_ran_only_what_it_says_of_itself_is_compared(
    sif: Sif, expected: ExpectedSif, tmp_path: Path
) -> None:
    opened = replace(
        expected, config=None, image=replace(expected.image, above=(), is_complete=False, are_labels_open=True)
    )
    assert verify_sif(sif, opened, progress=NoProgress()) == ()
    findings = verified(spoiled(sif, tmp_path, HEADER["uuid"]), opened)
    assert [(one.path, one.detail) for one in findings] == [
        ("sif.header.uuid", "is not that of the image that its definition names")
    ]


def test_an_image_of_another_configuration_is_another(sif: Sif, expected: ExpectedSif) -> None:
    assert expected.config is not None
    fields = ConfigFields(os="linux", architecture="amd64", env=("PATH=/bin",))
    other = parse_config(encode_config(fields), "other")
    found = {one.path for one in verify_sif(sif, replace(expected, config=other), progress=NoProgress())}
    assert {"sif.header.uuid", "sif.deffile", "sif.oci-config.json.Env"} <= found


def test_a_signature_is_no_difference(sif: Sif, expected: ExpectedSif, tmp_path: Path) -> None:
    path = tmp_path / "signed.sif"
    shutil.copy(sif.path, path)
    end = path.stat().st_size
    row = struct.pack("<i?III5q2q128s384s", 0x4005, 1, 5, 0, 0xF0000001, end, 9, 9, 7, 7, 0, 0, b"", b"")
    with path.open("r+b") as file:
        file.seek(72)
        file.write(struct.pack("<2q", 1_700_000_000, 43))
        file.seek(120)
        file.write(struct.pack("<q", end + 9 - 32176))
        file.seek(TABLE + 4 * ROW)
        file.write(row)
        file.seek(end)
        file.write(b"signature")
    assert not is_signed(sif)
    assert is_signed(read_sif(path))
    assert verified(path, expected) == ()
