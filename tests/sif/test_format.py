"""A SIF is what apptainer's library reads and writes; damaged ones are refused, saying where."""

from __future__ import annotations

import struct
import uuid
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bindery.core import BadInput, ToolFailed
from bindery.sif import NewObject, Sif, SifIdentity, SifObject, read_object, read_sif, write_sif
from bindery.sif.format import encode_head, place_objects

IDENTITY = SifIdentity(architecture="amd64", uuid=uuid.UUID(int=7), created_s=1_700_000_000)
OBJECTS = (
    NewObject(kind="deffile", content=b"bootstrap: oci\n"),
    NewObject(kind="json", name="inspect-metadata.json", content=b"{}"),
    NewObject(kind="json", name="oci-config.json", content=b"{ }"),
    NewObject(kind="partition", content=b"hsqs" * 2048),
)


@pytest.fixture
def sif(tmp_path: Path) -> Sif:
    return write_sif(tmp_path / "image.sif", OBJECTS, IDENTITY)


def test_head_is_what_the_format_says(sif: Sif) -> None:
    raw = sif.path.read_bytes()
    assert raw[:64] == (
        b"#!/usr/bin/env run-singularity\n\0" + b"SIF_MAGIC\0" + b"01\0" + b"02\0" + uuid.UUID(int=7).bytes
    )
    seconds, table = 1_700_000_000, 48 * 585
    assert struct.unpack("<8q", raw[64:128]) == (seconds, seconds, 44, 48, 4096, table, 32176, len(raw) - 32176)
    assert raw[128:4096] == bytes(4096 - 128)
    last = raw[4096 + 3 * 585 : 4096 + 4 * 585]
    place = (32768, 8192, 32768 - 32176 - 20 + 8192)
    assert struct.unpack("<i?III7q", last[:73]) == (0x4004, True, 4, 0xF0000001, 0, *place, seconds, seconds, 0, 0)
    assert last[73:201] == bytes(128)
    assert last[201:] == struct.pack("<ii3s", 1, 2, b"02\0").ljust(384, b"\0")
    assert raw[4096 + 4 * 585 : 32176] == bytes(32176 - 4096 - 4 * 585)
    assert raw[32176:32768] == b"bootstrap: oci\n{}{ }".ljust(32768 - 32176, b"\0")
    assert raw[32768:] == b"hsqs" * 2048


def test_what_was_written_is_read(sif: Sif) -> None:
    assert (sif.architecture, sif.uuid, sif.created_s) == ("amd64", uuid.UUID(int=7), 1_700_000_000)
    assert [(one.kind, one.name, one.number, one.group) for one in sif.objects] == [
        ("deffile", "", 1, 1),
        ("json", "inspect-metadata.json", 2, 1),
        ("json", "oci-config.json", 3, 1),
        ("partition", "", 4, 1),
    ]
    assert [read_object(sif, one) for one in sif.objects] == [one.content for one in OBJECTS]
    assert (sif.rootfs.file_system, sif.rootfs.role, sif.rootfs.number) == ("squashfs", "primary", 4)
    assert sif.named("json", "oci-config.json") == sif.objects[2]
    assert sif.named("signature") is None


def test_content_may_be_a_file(tmp_path: Path, sif: Sif) -> None:
    squashfs = tmp_path / "rootfs.squashfs"
    squashfs.write_bytes(b"hsqs" * 2048)
    copied = (*OBJECTS[:3], NewObject(kind="partition", content=squashfs))
    other = write_sif(tmp_path / "other.sif", copied, IDENTITY)
    assert other.path.read_bytes() == sif.path.read_bytes()


def test_what_was_there_is_written_over(tmp_path: Path, sif: Sif) -> None:
    longer = tmp_path / "longer.sif"
    longer.write_bytes(b"x" * 100_000)
    write_sif(longer, OBJECTS, IDENTITY)
    assert longer.read_bytes() == sif.path.read_bytes()


KINDS = st.sampled_from(["deffile", "environment", "labels", "signature", "json", "generic", "sbom", "partition"])
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=32)
NEW = st.builds(NewObject, kind=KINDS, name=NAMES, content=st.binary(max_size=6000))


@settings(max_examples=25, deadline=None)
@given(objects=st.lists(NEW, max_size=6), architecture=st.sampled_from(["amd64", "arm64", "riscv64"]))
def test_any_objects_come_back(
    tmp_path_factory: pytest.TempPathFactory, objects: list[NewObject], architecture: str
) -> None:
    path = tmp_path_factory.mktemp("sif") / "any.sif"
    identity = SifIdentity(architecture=architecture, uuid=uuid.UUID(int=1), created_s=0)
    sif = write_sif(path, objects, identity)
    assert [(one.kind, one.name, read_object(sif, one)) for one in sif.objects] == [
        (one.kind, one.name, one.content) for one in objects
    ]
    assert sif.architecture == architecture


def test_too_many_objects_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as raised:
        write_sif(tmp_path / "x.sif", [OBJECTS[0]] * 49, IDENTITY)
    assert str(raised.value) == "49 objects do not fit into one file, at most 48 do"
    assert not (tmp_path / "x.sif").exists()


def test_long_names_are_refused() -> None:
    with pytest.raises(BadInput) as raised:
        place_objects([NewObject(kind="generic", name="é" * 65, content=b"")], [0])
    assert str(raised.value) == f"the name of an object has more than 128 bytes: {'é' * 65}"


def test_processors_without_a_word_are_refused() -> None:
    identity = SifIdentity(architecture="vax", uuid=uuid.UUID(int=0), created_s=0)
    with pytest.raises(BadInput) as raised:
        encode_head((), identity)
    assert str(raised.value) == "SIF has no word for the architecture vax"


def test_full_disk_is_said() -> None:
    with pytest.raises(ToolFailed) as raised:
        write_sif(Path("/dev/full"), OBJECTS, IDENTITY)
    assert str(raised.value) == "/dev/full: the disk is full\n  fix: free some space, or set BINDERY_STORE"


def check_refused(path: Path, expected: str) -> None:
    with pytest.raises(BadInput) as raised:
        read_sif(path)
    assert str(raised.value) == expected.format(path=path)


def test_missing_files_are_refused(tmp_path: Path) -> None:
    check_refused(tmp_path / "no.sif", "{path}: cannot be read: No such file or directory")
    check_refused(tmp_path, "{path}: cannot be read: Is a directory")


@pytest.mark.parametrize("raw", [b"", b"#!/bin/sh\necho hello\n", b"hsqs" * 1000])
def test_other_files_are_refused(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "x.sif").write_bytes(raw)
    check_refused(tmp_path / "x.sif", "{path}: is not a Singularity image file")


def change(sif: Sif, at: int, data: bytes) -> Path:
    raw = bytearray(sif.path.read_bytes())
    raw[at : at + len(data)] = data
    sif.path.write_bytes(raw)
    return sif.path


def test_other_versions_are_refused(sif: Sif) -> None:
    check_refused(change(sif, 42, b"02"), "{path}: is a Singularity image file of version 02, not 01")


@pytest.mark.parametrize(
    ("at", "number"), [(88, -1), (88, 1 << 40), (96, 5), (104, 48 * 585 - 1)], ids=["negative", "huge", "in", "short"]
)
def test_damaged_tables_are_refused(sif: Sif, at: int, number: int) -> None:
    path = change(sif, at, struct.pack("<q", number))
    check_refused(path, "{path}: its table of objects is damaged\n  fix: copy or make the file again")


def test_cut_tables_are_refused(sif: Sif) -> None:
    sif.path.write_bytes(sif.path.read_bytes()[:5000])
    fix = "\n  fix: copy or make the file again"
    check_refused(sif.path, "{path}: is cut after 5000 bytes, in its table of objects" + fix)


def test_cut_files_are_refused(sif: Sif) -> None:
    sif.path.write_bytes(sif.path.read_bytes()[:-1])
    check_refused(
        sif.path,
        "{path}: is cut: it has 40959 bytes, its object 4 ends at 40960\n  fix: copy or make the file again",
    )


@pytest.mark.parametrize(("offset", "size"), [(-1, 5), (64, 5), (32768, -5)])
def test_objects_outside_the_file_are_refused(sif: Sif, offset: int, size: int) -> None:
    path = change(sif, 4096 + 17, struct.pack("<2q", offset, size))
    fix = "\n  fix: copy or make the file again"
    check_refused(path, f"{{path}}: object 1 is at {offset}, with {size} bytes{fix}")


def test_large_objects_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as stream:
        stream.truncate((16 << 20) + 1)
    sif = write_sif(tmp_path / "x.sif", [NewObject(kind="generic", content=path)], IDENTITY)
    with pytest.raises(BadInput) as raised:
        read_object(sif, sif.objects[0])
    assert str(raised.value) == f"{sif.path}: object 1: has 16777217 bytes, more than 16 MiB"


def test_files_cut_since_they_were_opened_are_noticed(sif: Sif) -> None:
    sif.path.write_bytes(sif.path.read_bytes()[:40000])
    with pytest.raises(BadInput) as raised:
        read_object(sif, sif.rootfs)
    fix = "copy or make the file again"
    assert str(raised.value) == f"{sif.path}: object 4: is cut after 7232 of 8192 bytes\n  fix: {fix}"


def test_a_file_without_a_partition_cannot_run(tmp_path: Path) -> None:
    sif = write_sif(tmp_path / "x.sif", OBJECTS[:1], IDENTITY)
    with pytest.raises(BadInput) as raised:
        _ = sif.rootfs
    assert str(raised.value) == f"{sif.path}: has no partition to run\n  fix: copy or make the file again"


def test_what_is_unknown_is_called_so(sif: Sif) -> None:
    changed = read_sif(change(sif, 4096, struct.pack("<i", 0x4FFF)))
    assert changed.objects[0].kind == "unknown"
    changed = read_sif(change(sif, 4096 + 3 * 585 + 201, struct.pack("<ii", 9, 9)))
    assert (changed.objects[3].file_system, changed.objects[3].role) == ("unknown", "unknown")
    assert read_sif(change(sif, 45, b"99")).architecture == "unknown"


def test_empty_slots_are_passed_over(sif: Sif) -> None:
    assert [one.number for one in read_sif(change(sif, 4096 + 4, b"\0")).objects] == [2, 3, 4]


def test_objects_default_to_no_group() -> None:
    one = SifObject(kind="generic", name="", offset_bytes=0, size_bytes=0, number=1)
    assert (one.group, one.linked, len(one.extra)) == (0, 0, 384)
