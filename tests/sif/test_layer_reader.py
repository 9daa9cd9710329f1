"""Archives of layers: what Python's tarfile writes is read, what is damaged is refused with its place."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sif.layers import Member, entry, file, folder, hard, link, tar

from bindery.core import BadInput
from bindery.sif.layer_reader import Entry, LayerReader

if TYPE_CHECKING:
    from collections.abc import Callable

FIX = "\n  fix: make, pull or save the image again"


def read(raw: bytes, size: int = 1 << 20) -> list[tuple[Entry, bytes]]:
    """Return every entry with its content, from pieces of this size."""
    reader = LayerReader((raw[at : at + size] for at in range(0, len(raw), size)), "layer")
    return [(one, b"".join(reader.content())) for one in reader]


def refused(raw: bytes) -> str:
    with pytest.raises(BadInput) as raised:
        read(raw)
    return str(raised.value).removesuffix(FIX)


TEXT = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=60)
PATHS = st.lists(TEXT.filter(lambda name: name not in {".", ".."}), min_size=1, max_size=6).map("/".join)
FORMS = st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])


@settings(deadline=None)
@given(path=PATHS, data=st.binary(max_size=1500), form=FORMS, size=st.integers(1, 3000), mode=st.integers(0, 0o7777))
def test_what_tarfile_writes_is_read(path: str, data: bytes, form: int, size: int, mode: int) -> None:
    if max(len(part.encode()) for part in path.split("/")) > 255:
        return
    members = [file(path, data, mode), link("link", path), hard("hard", path)]
    read_back = read(tar(*members, form=form), size)
    assert [(one.path, one.kind, one.target, content) for one, content in read_back] == [
        (path, "file", "", data),
        ("link", "link", path, b""),
        ("hard", "hardlink", path, b""),
    ]
    assert (read_back[0][0].mode, read_back[0][0].size_bytes) == (mode, len(data))


def test_contents_may_be_passed_over() -> None:
    raw = tar(file("a", b"x" * 5000), folder("b"), file("c", b"z"))
    reader = LayerReader([raw[:700], raw[700:]], "layer")
    assert [one.path for one in reader] == ["a", "b", "c"]


def test_everything_behind_the_end_is_read_for_its_digest() -> None:
    pieces = iter([tar(file("a")), b"rest", b"more"])
    assert [one.path for one in LayerReader(pieces, "layer")] == ["a"]
    assert list(pieces) == []


def test_an_archive_may_end_without_empty_blocks() -> None:
    raw = tar(file("a", b"1"))[:1024]
    assert [one.path for one, _ in read(raw)] == ["a"]


def test_names_that_are_not_utf8_are_kept() -> None:
    raw = tar(file("a\udcff", b"1"), form=tarfile.GNU_FORMAT)
    assert [one.path for one, _ in read(raw)] == ["a\udcff"]


def with_header(change: Callable[[bytearray], None], member: Member | None = None) -> bytes:
    """Return an archive whose first header was changed, and has the right checksum again."""
    raw = bytearray(tar(member or file("a", b"1"), form=tarfile.GNU_FORMAT))
    change(raw)
    raw[148:156] = b" " * 8
    raw[148:156] = b"%06o\0 " % sum(raw[:512])
    return bytes(raw)


def put(at: int, data: bytes) -> Callable[[bytearray], None]:
    def change(raw: bytearray) -> None:
        raw[at : at + len(data)] = data

    return change


def test_numbers_may_be_in_base_256() -> None:
    raw = with_header(put(124, b"\x80" + (1).to_bytes(11)))
    assert [(one.size_bytes, content) for one, content in read(raw)] == [(1, b"1")]
    raw = with_header(put(136, b"\xff" * 11 + b"\xfe"))
    assert [one.mtime_s for one, _ in read(raw)] == [-2]


def test_the_front_of_a_long_name_stands_in_its_own_field() -> None:
    posix = with_header(lambda raw: (put(257, b"ustar\x0000")(raw), put(345, b"front/of")(raw), None)[-1])
    assert [one.path for one, _ in read(posix)] == ["front/of/a"]
    star = with_header(
        lambda raw: (
            put(257, b"ustar\x0000")(raw),
            put(345, b"f".ljust(131, b"\0") + b"0123")(raw),
            put(508, b"tar\0")(raw),
            None,
        )[-1]
    )
    assert [one.path for one, _ in read(star)] == ["f/a"]
    old = with_header(put(345, b"12345670"))
    assert [one.path for one, _ in read(old)] == ["a"]


def test_signed_checksums_of_old_programs_are_right() -> None:
    raw = bytearray(tar(file("é", b"1"), form=tarfile.GNU_FORMAT))
    raw[148:156] = b" " * 8
    raw[148:156] = b"%06o\0 " % sum(byte - 256 if byte > 127 else byte for byte in raw[:512])
    assert [one.path for one, _ in read(bytes(raw))] == ["é"]


def test_global_headers_are_passed_over() -> None:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"path": "everything"}) as archive:
        archive.addfile(entry("a"))
    assert [one.path for one, _ in read(raw.getvalue())] == ["a"]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (with_header(put(0, b"\0" * 0))[:100], "layer: its archive is damaged: it ends in the middle of a header"),
        (tar(file("a", b"1" * 600))[:1000], "layer: its archive is damaged: it ends in the middle of a file"),
        (b"x" * 512, "layer: its archive is damaged: a number that is b'xxxxxxxx'"),
        (b"7" * 512, "layer: its archive is damaged: the checksum of a header is wrong"),
        (with_header(put(124, b"\xff" * 12)), "layer: a: has a negative size"),
        (with_header(put(124, b"12x4")), "layer: its archive is damaged: a number that is b'12x40000001\\x00'"),
        (with_header(put(156, b"S")), "layer: a: is stored with holes, as GNU's tar --sparse does"),
        (with_header(put(156, b"Z")), "layer: a: is of the unknown type b'Z'"),
        (tar(file("a/../../b")), "layer: a/../../b: leaves the image"),
        (tar(file(".")), "layer: .: is a file where the root of the image is"),
        (tar(file("a\0b"), form=tarfile.USTAR_FORMAT), None),
        (tar(file("x" * 256)), f"layer: {'x' * 256}: has a name that is longer than Linux takes"),
        (tar(file("x/" * 2047 + "yz")), f"layer: {'x/' * 2047}yz: has a name that is longer than Linux takes"),
        (tar(file("x/" * 2047 + "y")), None),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else str(value)[:60],
)
def test_damaged_archives_are_refused(raw: bytes, expected: str | None) -> None:
    if expected is None:
        assert len(read(raw)) == 1
    else:
        assert refused(raw) == expected


def extended(data: bytes, *, size: int | None = None) -> bytes:
    """Return an archive in front of whose file is an extended header with these records."""
    info = entry("x", b"x", size=len(data) if size is None else size)
    header = info.tobuf(tarfile.GNU_FORMAT)
    return header + data + bytes(-len(data) % 512) + tar(file("a", b"1"))


def record(key: bytes, value: bytes) -> bytes:
    length = len(key) + len(value) + 3
    length += len(str(length)) if len(str(length + len(str(length)))) == len(str(length)) else len(str(length)) + 1
    return b"%d %b=%b\n" % (length, key, value)


def test_records_say_more_than_headers() -> None:
    raw = extended(record(b"path", b"b/c") + record(b"mtime", b"12.75") + record(b"size", b"1") + record(b"uid", b"5"))
    ((one, content),) = read(raw)
    assert (one.path, one.mtime_s, one.size_bytes, content) == ("b/c", 12, 1, b"1")
    ((one, _),) = read(extended(record(b"path", b"") + record(b"mtime", b"never")))
    assert (one.path, one.mtime_s) == ("a", 0)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (extended(b"path=x\n"), "layer: its archive is damaged: a record without its length"),
        (extended(b"x path=x\n"), "layer: its archive is damaged: a record without its length"),
        (extended(b"99 path=x\n"), "layer: its archive is damaged: a record that is not as long as it says"),
        (extended(b"8 path=x"), "layer: its archive is damaged: a record that is not as long as it says"),
        (extended(record(b"size", b"-1")), "layer: its archive is damaged: a record says that a size is b'-1'"),
        (extended(b"", size=2 << 20), "layer: its archive is damaged: a header of 2097152 bytes"),
        (extended(b"", size=1 << 19)[:4000], "layer: its archive is damaged: it ends in the middle of a header"),
        (extended(record(b"path", b"a\0b")), "layer: a\\0b: has a NUL in its name"),
        (
            extended(record(b"GNU.sparse.major", b"1") + record(b"path", b"b")),
            "layer: b: is stored with holes, as GNU's tar --sparse does",
        ),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else str(value)[:60],
)
def test_damaged_records_are_refused(raw: bytes, expected: str) -> None:
    assert refused(raw) == expected
